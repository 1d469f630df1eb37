"""API keys; their terms are those of REST (`scopes`, `toolsets`, `tools`, `allowedIps`, `expiresAt`)."""

from typing import Any

from jinba_mcp.client.calls import Call, Page, document, json_content, nothing, page, path, query_of
from jinba_mcp.client.documents import IssuedKey, Key
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now

_PERSONAL = "/me/api-keys"


def _page(*, limit: int | None = None, organization: str | None = None) -> Call[Page[Key]]:
    """Every key of the organization, newest first; `limit` is per request, 200 at most."""
    return Call("GET", "/api-keys", page, organization=organization, query=query_of(limit=limit))


def _get(key_id: str, *, organization: str | None = None) -> Call[Key]:
    """A key without its secret."""
    return Call("GET", path("api-keys", key_id), document, organization=organization)


def _issue(name: str, *, organization: str | None = None, **terms: Any) -> Call[IssuedKey]:
    """Make a key; its secret is in this answer only."""
    return Call("POST", "/api-keys", document, organization=organization, **json_content({**terms, "name": name}))


def _change(key_id: str, *, organization: str | None = None, **terms: Any) -> Call[Key]:
    """Replace the given terms, from the next request with the key on."""
    return Call("PATCH", path("api-keys", key_id), document, organization=organization, **json_content(terms))


def _rotate(key_id: str, *, overlap_s: int = 0, organization: str | None = None) -> Call[IssuedKey]:
    """Give a key a new secret; the old one works for `overlap_s` more seconds."""
    sent = json_content({"overlapSeconds": overlap_s})
    return Call("POST", path("api-keys", key_id, "rotate"), document, organization=organization, **sent)


def _revoke(key_id: str, *, organization: str | None = None) -> Call[None]:
    """End a key for good."""
    return Call("DELETE", path("api-keys", key_id), nothing, organization=organization)


def _personal_page(*, limit: int | None = None) -> Call[Page[Key]]:
    """Every personal key of the user, newest first; `limit` is per request, 200 at most."""
    return Call("GET", _PERSONAL, page, is_in_organization=False, query=query_of(limit=limit))


def _issue_personal(name: str, **terms: Any) -> Call[IssuedKey]:
    """Make a personal key, which can no more than the one that asks; its secret is in this answer only."""
    return Call("POST", _PERSONAL, document, is_in_organization=False, **json_content({**terms, "name": name}))


def _revoke_personal(key_id: str) -> Call[None]:
    """End a personal key for good."""
    return Call("DELETE", _PERSONAL + path(key_id), nothing, is_in_organization=False)


class Keys(Noun):
    """The keys of an organization."""

    list = EachNow(_page)
    get = Now(_get)
    issue = Now(_issue)
    change = Now(_change)
    rotate = Now(_rotate)
    revoke = Now(_revoke)


class AsyncKeys(AsyncNoun):
    """The keys of an organization."""

    list = EachLater(_page)
    get = Later(_get)
    issue = Later(_issue)
    change = Later(_change)
    rotate = Later(_rotate)
    revoke = Later(_revoke)


class PersonalKeys(Noun):
    """The keys of the user whose personal key asks."""

    list = EachNow(_personal_page)
    issue = Now(_issue_personal)
    revoke = Now(_revoke_personal)


class AsyncPersonalKeys(AsyncNoun):
    """The keys of the user whose personal key asks."""

    list = EachLater(_personal_page)
    issue = Later(_issue_personal)
    revoke = Later(_revoke_personal)

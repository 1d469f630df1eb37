"""Conditional requests (RFC 9110, 13): `If-Match` for changes, `If-None-Match` for reading again."""

import re

from starlette.datastructures import Headers

from jinba_mcp.domain.errors import Invalid

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LISTED = r'(?:W/)?"[\x21\x23-\x2b\x2d-\x7e\x80-\xff]*"'
PATTERN = rf"^{_LISTED}(?: *, *{_LISTED})*$"
"""What either header may be, for the OpenAPI document, if it is not `*`. No tag of ours has a comma in it."""


def wanted_tags(headers: Headers) -> frozenset[str] | None:
    """The strong tags of `If-Match`; None when it is not sent, or any state will do.

    Raises:
        Invalid: it is no list of tags.
    """
    given = headers.getlist("if-match")
    return None if not given or _is_any(given) else frozenset(tag for is_weak, tag in _tags(given) if not is_weak)


def is_known(headers: Headers, tag: str) -> bool:
    """Whether the client says in `If-None-Match` that it has this state already.

    Raises:
        Invalid: it is no list of tags.
    """
    given = headers.getlist("if-none-match")
    return bool(given) and (_is_any(given) or tag in [each for _, each in _tags(given)])


def _is_any(values: list[str]) -> bool:
    return [value.strip() for value in values] == ["*"]


def _tags(values: list[str]) -> list[tuple[bool, str]]:
    found = [_TAG.fullmatch(each.strip()) for each in ",".join(values).split(",")]
    tags = [(bool(match[1]), match[2]) for match in found if match]
    if len(tags) < len(found):
        raise Invalid('If-Match and If-None-Match are "*", or tags in quotes as the header ETag gave them.')
    return tags

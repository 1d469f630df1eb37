"""Keys of an organization, and the personal keys of a user."""

from typing import Any

from jinba_mcp.faces.rest.key_schemas import (
    IssuedKeyOut,
    KeyIn,
    KeyOut,
    KeyPage,
    KeyPatchIn,
    RotationIn,
    issued_key_out,
    key_out,
)
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out
from jinba_mcp.faces.web import sites


async def page(asked: Asked[PageQuery, None]) -> KeyPage:
    return page_out(
        KeyPage, await asked.core.keys.page(asked.caller, asked.path["org"], asked.query.request()), key_out
    )


async def show(asked: Asked[NoQuery, None]) -> KeyOut:
    return key_out(await asked.core.keys.get(asked.caller, asked.path["org"], asked.path["keyId"]))


async def issue(asked: Asked[NoQuery, KeyIn]) -> IssuedKeyOut:
    issued = await asked.core.keys.issue(asked.caller, asked.path["org"], asked.body.terms())
    return issued_key_out(issued, asked.base_url, await _endpoint(asked))


async def change(asked: Asked[NoQuery, KeyPatchIn]) -> KeyOut:
    where = asked.path
    return key_out(await asked.core.keys.change(asked.caller, where["org"], where["keyId"], asked.body.changes()))


async def rotate(asked: Asked[NoQuery, RotationIn]) -> IssuedKeyOut:
    where, overlap_s = asked.path, asked.body.overlap_seconds
    issued = await asked.core.keys.rotate(asked.caller, where["org"], where["keyId"], overlap_s=overlap_s)
    return issued_key_out(issued, asked.base_url, await _endpoint(asked))


async def revoke(asked: Asked[NoQuery, None]) -> None:
    await asked.core.keys.revoke(asked.caller, asked.path["org"], asked.path["keyId"])


async def page_personal(asked: Asked[PageQuery, None]) -> KeyPage:
    return page_out(KeyPage, await asked.core.keys.page_personal(asked.caller, asked.query.request()), key_out)


async def issue_personal(asked: Asked[NoQuery, KeyIn]) -> IssuedKeyOut:
    issued = await asked.core.keys.issue_personal(asked.caller, asked.body.terms())
    return issued_key_out(issued, asked.base_url, sites.everything_endpoint(asked.base_url))


async def revoke_personal(asked: Asked[NoQuery, None]) -> None:
    await asked.core.keys.revoke_personal(asked.caller, asked.path["keyId"])


async def _endpoint(asked: Asked[NoQuery, Any]) -> str:
    organization = await asked.core.organizations.get(asked.caller, asked.path["org"])
    return sites.organization_endpoint(asked.base_url, organization.slug)

"""Who is asking."""

from jinba_mcp.domain.caller import CallerKind
from jinba_mcp.faces.rest.key_schemas import key_out
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.schemas import MeOut, OrganizationName, RequestLimits, UserName
from jinba_mcp.faces.rest.wire import NoQuery


async def show(asked: Asked[NoQuery, None]) -> MeOut:
    caller = asked.caller
    key = await asked.core.keys.me(caller)
    organization = None
    if caller.kind is CallerKind.ORGANIZATION_KEY:
        found = await asked.core.organizations.resolve(caller.grants[0].organization_id)
        organization = OrganizationName(id=found.id, slug=found.slug, name=found.name)
    return MeOut(
        kind=caller.kind,
        key=None if key is None else key_out(key),
        organization=organization,
        user=None if caller.user_id is None else UserName(id=caller.user_id),
        scopes=sorted(caller.scopes),
        limits=RequestLimits(body_bytes=asked.face.max_body_bytes),
    )

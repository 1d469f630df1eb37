"""Who is asking, and what they are called."""

from jinba_mcp.domain.caller import CallerKind
from jinba_mcp.faces.rest.key_schemas import key_out
from jinba_mcp.faces.rest.limit_schemas import LimitsOut, quota_out
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.schemas import MeOut, OrganizationName, UserName
from jinba_mcp.faces.rest.user_schemas import UserOut, UserPatchIn, user_out
from jinba_mcp.faces.rest.wire import NoQuery


async def show(asked: Asked[NoQuery, None]) -> MeOut:
    caller = asked.caller
    key = await asked.core.keys.me(caller)
    user = await asked.core.users.me(caller)
    organization = None
    if caller.kind is CallerKind.ORGANIZATION_KEY:
        found = await asked.core.organizations.resolve(caller.grants[0].organization_id)
        organization = OrganizationName(id=found.id, slug=found.slug, name=found.name)
    return MeOut(
        kind=caller.kind,
        key=None if key is None else key_out(key),
        organization=organization,
        user=None if user is None else UserName(id=user.id, email=user.email, name=user.name),
        scopes=sorted(caller.scopes),
        limits=_limits_out(asked),
    )


def _limits_out(asked: Asked[NoQuery, None]) -> LimitsOut:
    limits = asked.core.limits
    return LimitsOut(
        body_bytes=asked.face.max_body_bytes,
        key=quota_out(limits.of_key(asked.caller)),
        organization=quota_out(limits.quotas.organization),
        tool=quota_out(limits.quotas.tool),
    )


async def rename(asked: Asked[NoQuery, UserPatchIn]) -> UserOut:
    return user_out(await asked.core.users.rename(asked.caller, asked.body.name))

"""Environment variables of a ToolSet."""

from jinba_mcp.domain.env import Setting
from jinba_mcp.faces.rest.env_schemas import EnvIn, EnvList, EnvOut, env_list, env_out
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.validation import validated
from jinba_mcp.faces.rest.wire import NoQuery


async def page(asked: Asked[NoQuery, None]) -> EnvList:
    return env_list(*await asked.core.env.page(asked.caller, asked.path["org"], asked.path["slug"]))


async def put(asked: Asked[NoQuery, EnvIn]) -> EnvOut:
    where, given = asked.path, asked.body
    setting = validated(Setting, {"key": where["envKey"], "value": given.value, "is_secret": given.secret})
    return env_out(await asked.core.env.put(asked.caller, where["org"], where["slug"], setting))


async def remove(asked: Asked[NoQuery, None]) -> None:
    await asked.core.env.remove(asked.caller, asked.path["org"], asked.path["slug"], asked.path["envKey"])

"""Users: signing up."""

from starlette.responses import Response

from jinba_mcp import logs
from jinba_mcp.core.users import NewUser
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.user_schemas import ConfirmationIn, SignUpIn, UserOut, user_out
from jinba_mcp.faces.rest.wire import NoQuery


async def sign_up(asked: Asked[NoQuery, SignUpIn]) -> UserOut | Response:
    made = await asked.core.users.sign_up(NewUser(**asked.body.model_dump()), logs.client_address.get())
    return Response(status_code=202) if made is None else user_out(made)


async def confirm(asked: Asked[NoQuery, ConfirmationIn]) -> UserOut:
    given = asked.body
    return user_out(await asked.core.users.confirm(given.token, given.password, logs.client_address.get()))

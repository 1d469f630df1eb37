"""Sessions: signing in and out, and the list of where one is signed in."""

from starlette.responses import Response

from jinba_mcp import logs
from jinba_mcp.core.sessions import Credentials, Origin
from jinba_mcp.domain.errors import SessionUnknown
from jinba_mcp.domain.sessions import csrf_token
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.user_schemas import SessionPage, SignedInOut, SignInIn, session_out, user_out
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out
from jinba_mcp.faces.web import cookies


async def sign_in(asked: Asked[NoQuery, SignInIn]) -> Response:
    cookies.check_safe(asked.base_url)
    given = Credentials(asked.body.email, asked.body.password, asked.body.code)
    origin = Origin(asked.headers.get("user-agent", ""), logs.client_address.get())
    opened = await asked.core.sessions.sign_in(given, origin)
    answer = SignedInOut(
        user=user_out(opened.user),
        session=session_out(opened.session, opened.session.id),
        csrf_token=csrf_token(opened.token),
        has_second_factor=opened.has_second_factor,
    )
    response = Response(answer.model_dump_json(by_alias=True), media_type="application/json")
    cookies.keep(response, opened.token, asked.base_url)
    return response


async def sign_out(asked: Asked[NoQuery, None]) -> Response:
    await asked.core.sessions.sign_out(asked.caller)
    response = Response(status_code=204)
    cookies.forget(response, asked.base_url)
    return response


async def show(asked: Asked[NoQuery, None]) -> SignedInOut:
    session, user = await asked.core.sessions.current(asked.caller)
    token = cookies.session_token(asked.headers.raw)
    if token is None:
        raise SessionUnknown
    return SignedInOut(
        user=user_out(user),
        session=session_out(session, session.id),
        csrf_token=csrf_token(token),
        has_second_factor=await asked.core.totp.is_on(asked.caller),
    )


async def page(asked: Asked[PageQuery, None]) -> SessionPage:
    found = await asked.core.sessions.page(asked.caller, asked.query.request())
    return page_out(SessionPage, found, lambda each: session_out(each, asked.caller.session_id))


async def end(asked: Asked[NoQuery, None]) -> None:
    await asked.core.sessions.end(asked.caller, asked.path["sessionId"])

"""Passwords: changed by who knows the old one, reset by who holds a token."""

from jinba_mcp import logs
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.user_schemas import PasswordChangeIn, ResetIn, ResetWantedIn
from jinba_mcp.faces.rest.wire import NoQuery


async def change(asked: Asked[NoQuery, PasswordChangeIn]) -> None:
    await asked.core.passwords.change(asked.caller, asked.body.current_password, asked.body.password)


async def want_reset(asked: Asked[NoQuery, ResetWantedIn]) -> None:
    await asked.core.passwords.want_reset(asked.body.email, logs.client_address.get())


async def reset(asked: Asked[NoQuery, ResetIn]) -> None:
    await asked.core.passwords.reset(asked.body.token, asked.body.password)

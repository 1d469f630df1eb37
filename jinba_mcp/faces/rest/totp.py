"""Second factors: set up in two steps, and removed."""

from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.user_schemas import (
    NewTotpOut,
    PasswordConfirmationIn,
    RecoveryCodesOut,
    TotpConfirmationIn,
    TotpRemovalIn,
)
from jinba_mcp.faces.rest.wire import NoQuery


async def begin(asked: Asked[NoQuery, PasswordConfirmationIn]) -> NewTotpOut:
    made = await asked.core.totp.begin(asked.caller, asked.body.password)
    return NewTotpOut(secret=made.secret, uri=made.uri)


async def confirm(asked: Asked[NoQuery, TotpConfirmationIn]) -> RecoveryCodesOut:
    return RecoveryCodesOut(recovery_codes=list(await asked.core.totp.confirm(asked.caller, asked.body.code)))


async def remove(asked: Asked[NoQuery, TotpRemovalIn]) -> None:
    await asked.core.totp.remove(asked.caller, asked.body.password, asked.body.code)

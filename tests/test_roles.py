"""Who may do what, as people see it: every operation by role, and those about people by scope, out of the URL table."""

import secrets
from typing import Any

import pytest

from jinba_mcp.core.users import NewUser
from jinba_mcp.domain.caller import operator
from jinba_mcp.domain.invitations import Offer
from jinba_mcp.domain.scopes import ALL_SCOPES, Role, Scope, within_role
from jinba_mcp.faces.mcp.http import McpHttp
from jinba_mcp.faces.rest.operations import Access, Operation
from jinba_mcp.faces.rest.people_routes import PEOPLE
from jinba_mcp.faces.rest.routes import OPERATIONS
from tests.test_permissions import (
    BODIES,
    QUERIES,
    ROLES,
    SCOPES,
    Asked,
    asked,
    asked_once,
    database_url,
    is_enough,
    keyring,
    sent,
)
from tests.worlds import PASSWORD

__all__ = ["asked", "asked_once", "database_url", "keyring"]

PEOPLES_BODIES: dict[str, dict[str, Any]] = {
    "users_sign_up": {"email": "fresh@example.com", "name": "Fresh", "password": PASSWORD},
    "sessions_sign_in": {"email": "target@example.com", "password": PASSWORD},
    "passwords_change": {"currentPassword": PASSWORD, "password": "seven-wild-geese-northward"},
    "passwords_want_reset": {"email": "target@example.com"},
    "totp_begin": {"password": PASSWORD},
    "totp_confirm": {"code": "000000"},
    "totp_remove": {"password": PASSWORD, "code": "000000"},
    "me_rename": {"name": "Renamed"},
    "organizations_create": {"slug": "fresh"},
}
QUERIES_OF_PEOPLE = {**QUERIES, "organizations_delete": {"confirm": "default"}}
SCOPED = {access for access in Access if set(access.value.split("+")) <= {scope.value for scope in Scope}}
BEYOND_SCOPES = {
    Access.OWNER: {Role.OWNER},
    Access.ADMIN_OR_SELF: {Role.OWNER, Role.ADMIN},
}
REFUSALS = {"organization.not_found", "scope.missing", "session.unknown", "csrf.failed", "key.personal_needed"}


async def ask(asking: Asked, operation: Operation, headers: dict[str, str]) -> tuple[int, str]:
    """Status and code of one request, with things to ask for that are there."""
    core, names = asking.world.core, dict(asking.names)
    body = {**BODIES, **PEOPLES_BODIES}.get(operation.name, {})
    if "{invitationId}" in operation.path:
        issued = await core.invitations.create(
            asking.world.operator, "default", Offer(email=f"{secrets.token_hex(8)}@example.com")
        )
        names["invitationId"] = issued.invitation.id
    if "{token}" in operation.path:
        email = f"{secrets.token_hex(8)}@example.com"
        await core.invitations.create(asking.world.operator, "default", Offer(email=email))
        names["token"] = await asking.world.invited(email)
        body = {"name": "Once", "password": PASSWORD} if operation.name == "invitations_accept" else body
    if operation.name == "users_sign_up":
        body = {**body, "email": f"{secrets.token_hex(8)}@example.com"}
    if operation.name == "users_confirm":
        email = f"{secrets.token_hex(8)}@example.com"
        await core.users.sign_up(NewUser(email=email, name="Fresh", password=PASSWORD), None)
        body = {"token": core.users._to_confirm.pop()[1], "password": PASSWORD}
    if operation.name == "passwords_reset":
        token = await core.passwords.issue_reset(operator(), "target@example.com")
        body = {"token": token, "password": PASSWORD}
    path = operation.path
    for name, value in {"sessionId": "ses_1", **names}.items():
        path = path.replace(f"{{{name}}}", value)
    params = QUERIES_OF_PEOPLE.get(operation.name)
    answer = await asking.client.request(operation.method, path, params=params, **sent(operation, headers, body))
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, answer.json()["code"] if is_problem else ""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
async def test_a_role_may_do_what_its_scopes_say(asked: tuple[Asked, McpHttp], operation: Operation) -> None:
    if operation.access not in SCOPED | BEYOND_SCOPES.keys():
        return
    for role in ROLES:
        headers = asked[0].sessions[role]
        status, code = await ask(asked[0], operation, headers)
        if role is None:
            # What is public runs with any key or session that may execute somewhere, and this one may nowhere.
            assert status in ((403,) if "/public/" in operation.path or "{org}" not in operation.path else (404,)) or (
                operation.path == "/v1/orgs"
            ), (role, status, code)
        elif role in BEYOND_SCOPES.get(operation.access, set()) or (
            operation.access in SCOPED and is_enough(operation.access, tuple(within_role(ALL_SCOPES, role)))
        ):
            # What an earlier role of this walk deleted is not found any more, which is no refusal either.
            assert status < 500, (role, code)
            assert code not in REFUSALS, (role, code)
        else:
            assert status == 403, (role, code)


@pytest.mark.parametrize("operation", PEOPLE, ids=lambda operation: operation.name)
async def test_what_is_about_people_asks_for_what_the_table_says(
    asked: tuple[Asked, McpHttp], operation: Operation
) -> None:
    for scopes in SCOPES:
        headers = {"Authorization": f"Bearer {asked[0].secrets['default', scopes]}"} if scopes else {}
        status, code = await ask(asked[0], operation, headers)
        match operation.access:
            case Access.NONE | Access.INVITED:
                assert status in (200, 201, 202, 204, 409), (scopes, code)
            case _ if not scopes:
                assert status == 401
            case Access.SESSION:
                assert (status, code) == (403, "session.needed")
            case Access.USER_ADMIN:
                assert (status, code) == (403, "key.personal_needed")
            case Access.OWNER:
                assert (status, code) == (403, "role.too_low" if Scope.ADMIN in scopes else "scope.missing")
            case Access.ADMIN_OR_SELF:
                expected = (204, 404) if Scope.ADMIN in scopes else (403,)
                assert status in expected, (scopes, code)
            case _:
                assert (status in (200, 201, 204, 409)) == is_enough(operation.access, scopes), (scopes, code)


@pytest.mark.parametrize("operation", PEOPLE, ids=lambda operation: operation.name)
async def test_a_change_with_a_cookie_alone_is_refused(asked: tuple[Asked, McpHttp], operation: Operation) -> None:
    if operation.method == "GET" or operation.access is Access.NONE:
        return
    headers = asked[0].sessions[Role.OWNER]
    status, code = await ask(asked[0], operation, {"Cookie": headers["Cookie"]})
    assert (status, code) == (403, "csrf.failed")


async def test_a_personal_key_is_within_the_role_and_within_its_own_scopes(asked: tuple[Asked, McpHttp]) -> None:
    world = asked[0].world
    for role in (Role.MEMBER, Role.ADMIN, Role.OWNER):
        for scope in Scope:
            held = (await world.personal(f"{role}@walking.example.com", scope)).scopes
            assert held == within_role([scope], role)

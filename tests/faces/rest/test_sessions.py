"""Signing up, in and out over REST; cookies, CSRF, sessions, passwords and second factors as a browser sees them."""

import re

import pytest

from jinba_mcp.core.letters import Letters
from jinba_mcp.core.passwords import totp_code
from tests.faces.rest.conftest import Rest, Serve
from tests.faces.rest.people import Browser, signed_up
from tests.worlds import PASSWORD, PretendedSender

ADA = "ada.l@example.com"
ANOTHER = "seven-wild-geese-northward"
AUTH = "/v1/auth"


async def test_signing_in_answers_with_a_cookie_and_never_with_the_token(rest: Rest) -> None:
    browser = await signed_up(rest, ADA)
    assert re.fullmatch(r"jinba_session=[A-Za-z0-9_-]{43}", browser.cookie)
    shown = await browser.ask("GET", AUTH + "/session")
    body = shown.json()
    assert (body["user"]["email"], body["csrfToken"], body["hasSecondFactor"]) == (ADA, browser.csrf, False)
    assert (body["session"]["isCurrent"], body["session"]["expiresAt"]) == (True, "2026-12-05T12:00:00.000Z")
    assert browser.cookie.partition("=")[2] not in shown.text
    me = (await browser.ask("GET", "/v1/me")).json()
    assert (me["kind"], me["key"], me["organization"], me["user"]["email"]) == ("session", None, None, ADA)


async def test_a_wrong_password_and_an_unknown_user_answer_the_same(rest: Rest) -> None:
    await signed_up(rest, ADA)
    answers = set()
    grows = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 1_000
    for email, password in [(ADA, ANOTHER), ("nobody@example.com", PASSWORD), (ADA, grows)]:
        refused = await Browser(rest).sign_in(email, password)
        body = {name: value for name, value in refused.json().items() if name != "requestId"}
        answers.add((refused.status_code, str(body), "set-cookie" in refused.headers))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401


async def test_guessing_is_answered_with_when_to_come_back(rest: Rest) -> None:
    for _ in range(10):
        assert (await Browser(rest).sign_in(ADA, ANOTHER)).status_code == 401
    refused = await Browser(rest).sign_in(ADA, ANOTHER)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")


async def test_what_changes_something_comes_from_a_page_of_ours(rest: Rest) -> None:
    browser = await signed_up(rest, ADA)
    other = await signed_up(rest, "other@example.com")
    browser.csrf, token = "", browser.csrf
    for headers in (
        {},
        {"X-CSRF-Token": other.csrf},
        {"X-CSRF-Token": "x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ):
        refused = await browser.ask("POST", "/v1/orgs", json={"slug": "mine"}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf.failed"), headers
    assert (await browser.ask("GET", "/v1/orgs")).json()["data"] == []
    for slug, headers in [("mine", {"X-CSRF-Token": token}), ("mine-too", {"Sec-Fetch-Site": "same-origin"})]:
        assert (await browser.ask("POST", "/v1/orgs", json={"slug": slug}, headers=headers)).status_code == 201


async def test_a_page_of_another_site_is_not_even_heard(rest: Rest) -> None:
    browser = await signed_up(rest, ADA)
    for path, body in [("/v1/orgs", {"slug": "mine"}), (AUTH + "/sign-in", {"email": ADA, "password": PASSWORD})]:
        refused = await browser.ask(
            "POST", path, json=body, headers={"Origin": "https://evil.example.com"}, checked=False
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "origin.forbidden")


async def test_a_key_wins_over_a_cookie(rest: Rest) -> None:
    browser = await signed_up(rest, ADA)
    key = {"Authorization": f"Bearer {await rest.secret('read')}"}
    assert (await browser.ask("GET", "/v1/me", headers=key)).json()["kind"] == "organization"
    browser.cookie = "jinba_session=" + "x" * 43
    assert (await browser.ask("GET", "/v1/me", headers=key)).status_code == 200
    unknown = await browser.ask("GET", "/v1/me")
    assert (unknown.status_code, unknown.json()["code"]) == (401, "session.unknown")


async def test_signing_out_takes_the_cookie_away_and_the_session_with_it(rest: Rest) -> None:
    browser = await signed_up(rest, ADA)
    cookie = browser.cookie
    assert (await browser.ask("POST", AUTH + "/sign-out")).status_code == 204
    assert browser.cookie == ""
    browser.cookie = cookie
    assert (await browser.ask("GET", "/v1/me")).status_code == 401


async def test_ones_sessions_are_listed_and_ended(rest: Rest) -> None:
    first = await signed_up(rest, ADA)
    rest.clock.advance(seconds=1)
    second = Browser(rest, extra={"User-Agent": "Lynx"})
    await second.sign_in(ADA)
    listed = (await first.ask("GET", AUTH + "/sessions")).json()["data"]
    assert [(each["client"], each["isCurrent"]) for each in listed] == [("Lynx", False), (listed[1]["client"], True)]
    assert (await first.ask("DELETE", f"{AUTH}/sessions/{listed[0]['id']}")).status_code == 204
    assert (await second.ask("GET", "/v1/me")).status_code == 401
    gone = await first.ask("DELETE", f"{AUTH}/sessions/{listed[0]['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "session.not_found")


async def test_over_https_the_cookie_is_for_this_host_alone(serve: Serve, sqlite_url: str) -> None:
    async with serve(sqlite_url, public_url="https://tools.example.com") as rest:
        rest.base_url = "http://tools.example.com"
        browser = await signed_up(rest, ADA)
        assert browser.cookie.startswith("__Host-jinba_session=")
        assert (await browser.ask("GET", "/v1/me")).status_code == 200
        browser.cookie = browser.cookie.removeprefix("__Host-")
        assert (await browser.ask("GET", "/v1/me")).status_code == 401


async def test_over_plain_http_nobody_signs_in_from_afar(serve: Serve, sqlite_url: str) -> None:
    async with serve(sqlite_url, public_url="http://tools.example.com") as rest:
        rest.base_url = "http://tools.example.com"
        refused = await Browser(rest).sign_in(ADA)
        assert (refused.status_code, refused.json()["code"]) == (403, "sign_in.insecure")


async def test_a_password_is_changed_by_who_knows_it_and_set_by_who_holds_a_token(rest: Rest) -> None:
    browser = await signed_up(rest, ADA)
    for current, new, status in [(ANOTHER, ANOTHER, 403), (PASSWORD, "password2026", 400), (PASSWORD, ANOTHER, 204)]:
        body = {"currentPassword": current, "password": new}
        assert (await browser.ask("POST", AUTH + "/password", json=body)).status_code == status
    for email in (ADA, "nobody@example.com"):
        wanted = await Browser(rest).ask("POST", AUTH + "/password/reset-token", json={"email": email})
        assert (wanted.status_code, wanted.content) == (204, b"")
    token = await rest.core.passwords.issue_reset((await rest.core.organizations.operator("default")), ADA)
    body = {"token": token, "password": PASSWORD}
    assert (await Browser(rest).ask("POST", AUTH + "/password/reset", json=body)).status_code == 204
    again = await Browser(rest).ask("POST", AUTH + "/password/reset", json=body)
    assert (again.status_code, again.json()["code"]) == (400, "reset.invalid")
    assert (await browser.ask("GET", "/v1/me")).status_code == 401
    assert (await browser.sign_in(ADA)).status_code == 200


async def test_a_second_factor_is_set_up_asked_for_and_removed(rest: Rest) -> None:
    browser = await signed_up(rest, ADA)
    made = (await browser.ask("POST", AUTH + "/totp", json={"password": PASSWORD})).json()
    wrong = await browser.ask("POST", AUTH + "/totp/confirm", json={"code": "000000"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "/code")
    code = totp_code(made["secret"], rest.clock())
    codes = (await browser.ask("POST", AUTH + "/totp/confirm", json={"code": code})).json()["recoveryCodes"]
    assert len(codes) == 10
    needed = await Browser(rest).sign_in(ADA)
    assert (needed.status_code, needed.json()["code"]) == (401, "totp.needed")
    assert (await Browser(rest).sign_in(ADA, code=codes[0])).json()["hasSecondFactor"] is True
    body = {"password": PASSWORD, "code": codes[1]}
    assert (await browser.ask("POST", AUTH + "/totp/remove", json=body)).status_code == 204
    assert (await Browser(rest).sign_in(ADA)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada", "name": "A", "password": PASSWORD},
        {"email": ADA, "name": "", "password": PASSWORD},
        {"email": ADA, "name": "A\nB", "password": PASSWORD},
        {"email": ADA, "name": "A", "password": ""},
        {"email": ADA, "name": "A", "password": "x" * 1_001},
        {"email": ADA, "name": "A", "password": "short"},
        {"email": ADA, "name": "A", "password": PASSWORD, "admin": True},
    ],
    ids=str,
)
async def test_what_cannot_be_a_user_is_refused_without_repeating_the_password(
    rest: Rest, body: dict[str, str]
) -> None:
    refused = await Browser(rest).ask("POST", AUTH + "/sign-up", json=body)
    assert refused.status_code == 400
    assert PASSWORD not in refused.text
    assert refused.json()["errors"]


async def test_where_mail_is_sent_an_account_is_made_once_its_address_is_confirmed(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest.core.users, "_letters", Letters(PretendedSender(), "http://localhost"))
    asked = await Browser(rest).ask("POST", AUTH + "/sign-up", json={"email": ADA, "name": "A", "password": PASSWORD})
    assert (asked.status_code, asked.content) == (202, b"")
    assert "202" in (await rest.ask("GET", "/v1/openapi.json")).json()["paths"][AUTH + "/sign-up"]["post"]["responses"]
    assert (await Browser(rest).sign_in(ADA)).status_code == 401
    confirmation = {"token": rest.core.users._to_confirm.pop()[1], "password": PASSWORD}
    assert (await Browser(rest).ask("POST", AUTH + "/sign-up/confirm", json=confirmation)).status_code == 201
    assert (await Browser(rest).sign_in(ADA)).status_code == 200


async def test_keys_are_no_sessions(rest: Rest) -> None:
    for method, path in [("GET", "/session"), ("GET", "/sessions"), ("POST", "/sign-out")]:
        refused = await rest.ask(method, AUTH + path, "admin")
        assert (refused.status_code, refused.json()["code"]) == (403, "session.needed")

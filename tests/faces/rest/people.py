"""A browser for tests: keeps the cookie that it is given, and says what its pages say."""

from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.faces.rest.conftest import Rest
from tests.worlds import PASSWORD

ACME = "/v1/orgs/acme"


@dataclass
class Browser:
    """One person at one machine."""

    rest: Rest
    cookie: str = ""
    csrf: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = {**self.extra, **request.pop("headers", {})}
        if self.cookie:
            headers.setdefault("Cookie", self.cookie)
        if self.csrf:
            headers.setdefault("X-CSRF-Token", self.csrf)
        response = await self.rest.ask(method, path, headers=headers, **request)
        given = response.headers.get("set-cookie")
        if given is not None:
            self.cookie = "" if "Max-Age=0" in given else given.partition(";")[0]
        return response

    async def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> httpx2.Response:
        response = await self.ask("POST", "/v1/auth/sign-in", json={"email": email, "password": password, **more})
        if response.status_code == 200:
            self.csrf = response.json()["csrfToken"]
        return response


async def signed_up(rest: Rest, email: str) -> Browser:
    """A new user, signed in."""
    browser = Browser(rest)
    body = {"email": email, "name": email.partition("@")[0].title(), "password": PASSWORD}
    assert (await browser.ask("POST", "/v1/auth/sign-up", json=body)).status_code == 201
    assert (await browser.sign_in(email)).status_code == 200
    return browser


async def founded(rest: Rest) -> Browser:
    """The owner of the organization `acme`."""
    owner = await signed_up(rest, "owner@example.com")
    made = await owner.ask("POST", "/v1/orgs", json={"slug": "acme", "name": "Acme Inc."})
    assert (made.status_code, made.json()["name"]) == (201, "Acme Inc.")
    return owner


async def joined(rest: Rest, owner: Browser, email: str, role: str = "member") -> tuple[Browser, str]:
    """Someone who was invited and came; their browser and their user id."""
    issued = await owner.ask("POST", ACME + "/invitations", json={"email": email, "role": role})
    assert issued.status_code == 201
    path = issued.json()["link"].removeprefix("http://localhost")
    browser = await signed_up(rest, email)
    assert (await browser.ask("POST", path + "/accept", json={})).json()["slug"] == "acme"
    return browser, (await browser.ask("GET", "/v1/me")).json()["user"]["id"]

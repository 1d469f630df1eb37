"""Targets: which URLs may be called, as far as they tell by themselves, and which addresses behind them."""

import socket
import threading
from typing import Any

import anyio
import pytest

from jinba_mcp.domain.errors import Invalid
from jinba_mcp.outbound.targets import Targets, system_lookup


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "https://example.com:8443/a?b=c", "https://93.184.215.14/", "https://[2606:2800::1]/"],
)
def test_public_https_may_be_called(url: str) -> None:
    Targets().check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "must be https"),
        ("ftp://example.com/", "must be https"),
        ("example.com", "must be https"),
        ("https://user:password@example.com/", "user name"),
        ("https://example.com/#here", "fragment"),
        ("https:///path", "host"),
        ("https://exa mple.com/", "printable"),
        ("https://example.com/\n", "printable"),
        ("https://ëxample.com/", "ASCII"),
        ("https://example.com:99999/", "port"),
        ("https://2130706433/", "decimal"),
        ("https://0x7f.1/", "decimal"),
        ("https://[::1/", "IPv6"),
        ("https://127.0.0.1/", "private"),
        ("https://10.1.2.3/", "private"),
        ("https://[::1]/", "private"),
        ("https://[::ffff:10.0.0.1]/", "private"),
        ("https://169.254.169.254/latest/", "reserved"),
        ("https://0.0.0.0/", "private|reserved"),
    ],
)
def test_everything_else_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        Targets().check(url)


def test_what_the_operator_names_may_be_private_and_plain_but_never_metadata() -> None:
    targets = Targets(["10.0.0.8:8080", "hooks.internal", "169.254.169.254"])
    targets.check("http://10.0.0.8:8080/")
    targets.check("http://hooks.internal/")
    for url in ("http://10.0.0.8:8081/", "http://10.0.0.9:8080/", "http://169.254.169.254/"):
        with pytest.raises(Invalid):
            targets.check(url)


async def test_an_address_of_a_name_is_judged_and_one_bad_one_spoils_the_name() -> None:
    async def lookup(host: str) -> list[str]:
        return {"good.example": ["93.184.215.14"], "bad.example": ["93.184.215.14", "192.168.0.1"]}[host]

    targets = Targets(lookup=lookup)
    assert str(await targets.admit("good.example", 443)) == "93.184.215.14"
    with pytest.raises(Invalid, match=r"bad\.example:443 leads into a private network"):
        await targets.admit("bad.example", 443)
    with pytest.raises(Invalid, match="private"):
        await targets.admit("::1", 443)


async def test_the_machine_itself_is_private_under_its_name() -> None:
    assert {"127.0.0.1", "::1"} & set(await system_lookup("localhost"))
    with pytest.raises(Invalid, match="private"):
        await Targets().admit("localhost", 443)


async def test_names_that_nobody_answers_for_keep_no_other_from_being_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    def resolver(host: bytes | str, *_: Any, **__: Any) -> list[Any]:
        name = host if isinstance(host, str) else host.decode()
        if name.startswith("stuck"):
            released.wait(60)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    try:
        async with anyio.create_task_group() as asking:
            for number in range(50):
                asking.start_soon(system_lookup, f"stuck-{number}.example")
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(10):
                assert await system_lookup("quick.example") == ["93.184.215.14"]
            asking.cancel_scope.cancel()
    finally:
        released.set()

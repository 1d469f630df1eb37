"""The proxy as a sandbox meets it: real sockets, real clients, a made-up Internet."""

import asyncio
import contextlib
import errno
import socket
import urllib.error
import urllib.request

import anyio
import pytest

from jinba_mcp.sandbox.egress.proxy import Proxy, ProxyLimits
from tests.sandbox.egress.worlds import PUBLIC, Counting, Site, World, closed, echo, hello, listening, world

ALLOWED = ("api.example.com", "*.cdn.example.com", "db.example.com:5432")


def _get(world: World, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    proxies = urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{world.port}"})
    opener = urllib.request.build_opener(proxies)
    try:
        with opener.open(url, body, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


async def get(world: World, url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """What `urllib` gets, which takes the proxy from its settings as tools do."""
    return await asyncio.to_thread(_get, world, url, body)


async def test_an_allowed_host_answers_to_a_usual_client() -> None:
    site = Site(hello)
    async with world(ALLOWED, (PUBLIC, 80, site.serve)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        assert await get(net, "http://api.example.com/x?y=1") == (200, b"hello")
    assert site.heard[0].startswith(b"GET /x?y=1 HTTP/1.1\r\nHost: api.example.com\r\n")


async def test_a_body_travels_to_the_server() -> None:
    site = Site(hello)
    async with world(ALLOWED, (PUBLIC, 80, site.serve)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        assert await get(net, "http://api.example.com/", b"a" * 300_000) == (200, b"hello")
    assert site.heard[0].endswith(b"\r\n\r\n" + b"a" * 300_000)


@pytest.mark.parametrize("host", ["evil.test", "example.com", "cdn.example.com", "api.example.com:8080"])
async def test_a_host_outside_the_list_is_refused_and_never_looked_up(host: str) -> None:
    async with world(ALLOWED) as net:
        status, body = await get(net, f"http://{host}/")
    assert status == 403
    assert b"is not in this ToolSet's sandbox.network; its author can add it." in body
    assert net.internet.lookups == []
    assert net.internet.dialled == []


async def test_a_policy_without_network_refuses_everything() -> None:
    async with world("off") as net:
        assert (await get(net, "http://api.example.com/"))[0] == 403
    assert net.internet.lookups == []


async def test_a_name_below_a_wildcard_is_allowed() -> None:
    async with world(ALLOWED, (PUBLIC, 80, Site(hello).serve)) as net:
        net.internet.answers["a.b.cdn.example.com"] = [[PUBLIC]]
        assert await get(net, "http://a.b.cdn.example.com/") == (200, b"hello")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.100.100.200",
        "::1",
        "::ffff:127.0.0.1",
        "fd00:ec2::254",
        "0.0.0.0",  # noqa: S104  an address to refuse, nothing to listen on
    ],
)
async def test_an_allowed_name_that_leads_inside_is_refused(address: str) -> None:
    async with world("on") as net:
        net.internet.answers["rebound.example"] = [[address]]
        status, body = await get(net, "http://rebound.example/")
    assert status == 403
    assert b"rebound.example:80 leads " in body
    assert net.internet.dialled == []


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async with world("on") as net:
        net.internet.answers["mixed.example"] = [[PUBLIC, "10.0.0.1"]]
        assert (await get(net, "http://mixed.example/"))[0] == 403
    assert net.internet.dialled == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "10.0.0.1:5432"],
)
async def test_inner_addresses_cannot_be_asked_for_by_number(host: str) -> None:
    async with world("on") as net:
        net.internet.answers["localhost"] = [["127.0.0.1"]]
        assert (await get(net, f"http://{host}/"))[0] == 403
    assert net.internet.dialled == []


async def test_a_name_that_is_rebound_is_judged_by_the_address_that_is_connected_to() -> None:
    async with world("on", (PUBLIC, 80, Site(hello).serve)) as net:
        net.internet.answers["rebinding.example"] = [[PUBLIC], ["127.0.0.1"], [PUBLIC], ["169.254.169.254"]]
        seen = [(await get(net, "http://rebinding.example/"))[0] for _ in range(4)]
    assert seen == [200, 403, 200, 403]
    assert net.internet.dialled == [(PUBLIC, 80), (PUBLIC, 80)]
    assert len(net.internet.lookups) == 4  # each time once, and what was looked up is what was used


async def test_a_redirect_is_a_request_like_any_other() -> None:
    def away(request: bytes) -> bytes:
        target = b"http://169.254.169.254/latest" if b"GET /metadata" in request else b"http://evil.test/"
        return b"HTTP/1.1 302 Found\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"

    async with world(("api.example.com",), (PUBLIC, 80, Site(away).serve)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        assert (await get(net, "http://api.example.com/elsewhere"))[0] == 403
        assert (await get(net, "http://api.example.com/metadata"))[0] == 403
    assert net.internet.dialled == [(PUBLIC, 80)] * 2


async def test_an_operator_can_open_a_private_host_to_policies_that_name_it() -> None:
    sites = ("10.0.0.7", 80, Site(hello).serve)
    async with world(("wiki.corp",), sites, private_hosts=["wiki.corp"]) as net:
        net.internet.answers["wiki.corp"] = [["10.0.0.7"], ["169.254.169.254"]]
        assert await get(net, "http://wiki.corp/") == (200, b"hello")
        assert (await get(net, "http://wiki.corp/"))[0] == 403  # not even there
    async with world(ALLOWED, sites, private_hosts=["wiki.corp"]) as net:
        assert (await get(net, "http://wiki.corp/"))[0] == 403


async def test_a_name_that_does_not_resolve_is_said_so() -> None:
    async with world("on") as net:
        assert await get(net, "http://nowhere.example/") == (
            502,
            b"nowhere.example cannot be resolved; check the name.\n",
        )


@pytest.mark.parametrize(
    ("error", "status"), [(ConnectionRefusedError(errno.ECONNREFUSED, "refused"), 502), (TimeoutError(), 504)]
)
async def test_a_server_that_does_not_answer_is_said_so(error: OSError, status: int) -> None:
    async with world("on") as net:
        net.internet.answers["down.example"] = [[PUBLIC]]
        net.internet.failing[PUBLIC] = error
        assert (await get(net, "http://down.example/"))[0] == status


async def test_a_tunnel_carries_bytes_both_ways_and_ends_one_way_at_a_time() -> None:
    async with world(ALLOWED, (PUBLIC, 5432, echo)) as net:
        net.internet.answers["db.example.com"] = [[PUBLIC]]
        reader, writer = await net.open()
        # What is sent before the answer came must not be lost.
        writer.write(b"CONNECT db.example.com:5432 HTTP/1.1\r\nHost: db.example.com:5432\r\n\r\nearly")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connected\r\n\r\n"
        assert await reader.readexactly(5) == b"early"
        writer.write(b"x" * 1_000_000)
        assert await reader.readexactly(1_000_000) == b"x" * 1_000_000
        writer.write_eof()
        assert await reader.read() == b"bye"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "target", ["evil.test:443", "api.example.com:25", "169.254.169.254:80", "127.0.0.1:22", "[::1]:443"]
)
async def test_a_tunnel_elsewhere_is_refused_with_a_reason_that_clients_show(target: str) -> None:
    async with world(ALLOWED) as net:
        said = await net.say(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert said.startswith(f"HTTP/1.1 403 {target} is not in this ToolSet's sandbox.network; ".encode())
    assert b"\r\nProxy-Status: jinba; error=http_request_denied\r\n" in said


async def test_each_request_of_a_connection_is_judged_anew() -> None:
    site = Site(hello)
    async with world(ALLOWED, (PUBLIC, 80, site.serve)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        said = await net.say(
            b"GET http://api.example.com/1 HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
            b"GET http://api.example.com/2 HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
            b"GET http://evil.test/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
            b"GET http://api.example.com/3 HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
        )
    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert b"HTTP/1.1 403 evil.test:80 is not in" in said
    assert len(site.heard) == 2


async def test_a_refused_upload_hears_why() -> None:
    async with world(ALLOWED) as net:
        reader, writer = await net.open()
        writer.write(b"POST http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 3000000\r\n\r\n")
        writer.write(b"x" * 3_000_000)
        with anyio.fail_after(60):
            assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
        writer.close()


async def test_requests_beyond_the_limit_wait_for_their_turn() -> None:
    site = Counting()
    async with world(ALLOWED, (PUBLIC, 80, site.serve), limits=ProxyLimits(connection_count=2)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        answers = await asyncio.gather(*[get(net, "http://api.example.com/") for _ in range(8)])
    assert answers == [(200, b"hello")] * 8
    assert site.most == 2


async def test_all_sandboxes_together_have_a_limit_too() -> None:
    site = Counting()
    async with world(ALLOWED, (PUBLIC, 80, site.serve)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        proxy = Proxy((), ProxyLimits(total_count=2), net.internet.lookup, net.internet.connect)
        worlds = []
        for _ in range(4):
            listener = listening()
            worlds.append(World(net.internet, proxy.serve(ALLOWED, listener), listener.getsockname()[1]))
        answers = await asyncio.gather(*[get(each, "http://api.example.com/") for each in worlds * 3])
        for each in worlds:
            await each.handle.aclose()
    assert answers == [(200, b"hello")] * 12
    assert site.most == 2


async def test_a_sandbox_that_is_closed_gives_its_places_back() -> None:
    async with world(ALLOWED, (PUBLIC, 80, Site(hello).serve), (PUBLIC, 443, echo)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        proxy = Proxy((), ProxyLimits(total_count=1), net.internet.lookup, net.internet.connect)
        for _ in range(3):
            listener = listening()
            each = World(net.internet, proxy.serve(ALLOWED, listener), listener.getsockname()[1])
            _, writer = await each.open()
            writer.write(b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0)
            await each.handle.aclose()
            await closed(writer)
        listener = listening()
        each = World(net.internet, proxy.serve(ALLOWED, listener), listener.getsockname()[1])
        assert await get(each, "http://api.example.com/") == (200, b"hello")
        await each.handle.aclose()


async def test_a_connection_that_says_nothing_is_ended() -> None:
    async with world(ALLOWED, limits=ProxyLimits(head_s=0.05)) as net:
        assert await net.say(b"GET http://api.exam") == b""


async def test_a_silent_server_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    limits = ProxyLimits(idle_s=0.05)
    async with world(ALLOWED, (PUBLIC, 80, silent), (PUBLIC, 443, silent), limits=limits) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        assert (await get(net, "http://api.example.com/"))[0] == 504
        assert (
            await net.say(b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
            == b"HTTP/1.1 200 Connected\r\n\r\n"
        )


async def test_a_client_that_was_killed_leaves_no_connection_behind() -> None:
    left = asyncio.Event()

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        left.set()
        writer.close()

    async with world(ALLOWED, (PUBLIC, 80, patient)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        _, writer = await net.open()
        writer.write(b"GET http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
        await writer.drain()
        writer.close()
        with anyio.fail_after(60):
            await left.wait()


async def test_closing_ends_what_is_open_and_frees_the_port() -> None:
    async with world(ALLOWED, (PUBLIC, 443, echo)) as net:
        net.internet.answers["api.example.com"] = [[PUBLIC]]
        reader, writer = await net.open()
        writer.write(b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await net.handle.aclose()
        await net.handle.aclose()
        with anyio.fail_after(60):
            assert await reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", net.port)).close()
        writer.close()


async def test_a_server_without_free_descriptors_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    accept, failures = socket.socket.accept, [errno.EMFILE, errno.EAGAIN]

    def failing(listener: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise OSError(failures.pop(), "made up")
        return accept(listener)

    async with world(ALLOWED) as net:
        monkeypatch.setattr(socket.socket, "accept", failing)
        assert (await get(net, "http://evil.test/"))[0] == 403


async def test_a_listener_that_was_shut_down_is_not_asked_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    listener = listening()
    handle = Proxy().serve("on", listener)
    listener.shutdown(socket.SHUT_RDWR)
    async with asyncio.timeout(60):
        await asyncio.wait(handle._tasks)
    assert caplog.messages == ["A sandbox's proxy has stopped listening"]
    await handle.aclose()


async def test_the_real_resolver_and_dialler_reach_a_private_host_that_the_operator_opened() -> None:
    server = await asyncio.start_server(Site(hello).serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    listener = listening()
    proxied = World.__new__(World)
    proxied.port = listener.getsockname()[1]
    handle = Proxy(private_hosts=[f"localhost:{port}"]).serve((f"localhost:{port}",), listener)
    async with server:
        assert await get(proxied, f"http://localhost:{port}/") == (200, b"hello")
        assert (await get(proxied, f"http://127.0.0.1:{port}/"))[0] == 403
        await handle.aclose()

"""The way out in the landlock tier, in a container: connections are made in the sandbox's stead, or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import containers
from tests.sandbox.egress.worlds import PUBLIC
from tests.sandbox.local import contained
from tests.sandbox.local.contained import POLICY, Tool

pytestmark = pytest.mark.slow

ASK = """
import asyncio, errno, socket, urllib.error, urllib.request

def ended(do):
    try:
        return str(do())
    except urllib.error.HTTPError as error:
        return error.code
    except socket.gaierror:
        return "no name"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))

def get(url):
    return urllib.request.urlopen(url, timeout=10).read().decode()

def say(host, port):
    with socket.create_connection((host, port), 10) as line:
        line.sendall(b"hello ")
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(100), b"")).decode()
"""
ALLOWED = Tool(
    ASK
    + f"""
async def read():
    reader, writer = await asyncio.open_connection("{PUBLIC}", 5432)
    writer.write_eof()
    return (await reader.read()).decode()

def run(port: int, canary: str) -> list:
    return [get("http://allowed.test/"), say("{PUBLIC}", 5432), asyncio.run(read())]
""",
    network=POLICY,
)
REFUSED = Tool(
    ASK
    + f"""
def run(port: int, canary: str) -> dict:
    places = [
        ("127.0.0.1", port), ("::1", port), ("::ffff:127.0.0.1", port), ("0.0.0.0", port), ("127.0.0.2", 3128),
        ("169.254.169.254", 80), ("fd00:ec2::254", 80), ("10.0.0.1", 5432), ("1.1.1.1", 443), ("{PUBLIC}", 443),
    ]
    found = {{str(each): ended(lambda: socket.create_connection(each, 5)) for each in places}}
    here = ("127.0.0.1", port)
    attempts = {{
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "bind": lambda: socket.socket().bind(("127.0.0.1", 0)),
        "listen": lambda: socket.socket().listen(),
        "fast open": lambda: socket.socket().sendto(b"x", 0x20000000, here),
        "message": lambda: socket.socket().sendmsg([b"x"], [], 0x20000000, here),
        "pair": lambda: socket.socketpair()[0].connect(canary),
        "name": lambda: socket.getaddrinfo("allowed.test", 80),
    }}
    found |= {{name: ended(attempt) for name, attempt in attempts.items()}}
    urls = ["http://other.test/", "http://inward.test/", f"http://127.0.0.1:{{port}}/", "http://169.254.169.254/"]
    return found | {{url: ended(lambda: get(url)) for url in urls}}
""",
    network=(*POLICY, "inward.test"),
)
AGAIN = Tool(
    ASK
    + f"""
def run(port: int, canary: str) -> list:
    with socket.create_connection(("{PUBLIC}", 5432), 10) as line:
        return [ended(lambda: line.connect(("127.0.0.1", port))), ended(lambda: line.bind(("127.0.0.1", 0)))]
""",
    network=POLICY,
)
OFF = Tool(ASK + "def run(port: int, canary: str) -> str:\n    return ended(lambda: socket.socket())")
FETCH = Tool(
    """
    export async function run({ port }: { port: number }) {
      const said = async (got: Response) => [got.status, await got.text()];
      const places: [string, number][] = [["127.0.0.1", port], ["169.254.169.254", 80], ["10.0.0.1", 22]];
      const reached = [];
      for (const [hostname, port] of places) {
        try { await Deno.connect({ hostname, port }); reached.push(hostname); } catch { /* as it should be */ }
      }
      try { Deno.listen({ port: 0 }); reached.push("listen"); } catch { /* as it should be */ }
      return [await said(await fetch("http://allowed.test/")), (await fetch("http://other.test/")).status, reached];
    }
    """,
    language="typescript",
    network=POLICY,
)


@pytest.fixture(scope="module", params=[None, containers.NOBODY], ids=["root", "user"])
def told(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """What came of all of them, one after the other."""
    folder = Path(tempfile.mkdtemp(prefix="jinba-test-network-"))
    folder.chmod(0o777)  # anyone may come in
    yield contained.run(folder, request.param, ALLOWED, FETCH, REFUSED, AGAIN, OFF)
    shutil.rmtree(folder)


def test_tools_reach_what_their_policy_names(told: dict[str, Any]) -> None:
    python, typescript, *_ = told["seen"]

    assert (python["error"], python["networks"]) == (None, ["off", "hosts", "on"])
    assert python["output"] == ["hello", "hello bye", "bye"]
    assert typescript["error"] is None
    assert typescript["output"] == [[200, "hello"], 403, []]


def test_tools_reach_nothing_else(told: dict[str, Any]) -> None:
    *_, refused, again, off = told["seen"]

    assert refused["error"] is None
    found = dict(refused["output"])
    assert {found.pop(name) for name in list(found) if name.startswith("http")} == {403}
    assert (found.pop("name"), found.pop("pair")) == ("no name", "EAFNOSUPPORT")
    assert set(found.values()) == {"EACCES", "EPERM"}
    assert (again["output"], off["output"]) == (["EACCES", "EPERM"], "EPERM")
    expected = [80, 5432, 5432, 80, 5432]
    assert told["dialled"] == [[PUBLIC, port] for port in expected]
    assert not told["was_visited"]


def test_no_connection_and_no_listener_stays_open_when_the_engine_is_closed(told: dict[str, Any]) -> None:
    assert [each for each in told["left"] if "socket" in each or "seccomp" in each] == []

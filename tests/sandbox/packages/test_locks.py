"""Locks are followed only if they are whole and name nothing but packages and hashes."""

import json

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.domain.packages import Lock
from jinba_mcp.sandbox.packages import locks

HASH = "0" * 64
PIN = f"six==1.17.0 \\\n    --hash=sha256:{HASH}\n"
INTEGRITY = f"sha512-{'A' * 86}=="
DOCUMENT = {
    "version": "5",
    "specifiers": {"npm:@acme/sums@^1.2": "1.2.3", "npm:zod@4": "4.1.0"},
    "npm": {"@acme/sums@1.2.3": {"integrity": INTEGRITY}, "zod@4.1.0": {"integrity": INTEGRITY}},
    "workspace": {"packageJson": {"dependencies": ["npm:@acme/sums@^1.2", "npm:zod@4"]}},
}


def _python(text: str) -> Lock:
    return Lock(kind="python", packages=(), text=text)


def _npm(text: str) -> Lock:
    return Lock(kind="typescript", packages=(), text=text)


def test_packages_are_counted() -> None:
    marked = f"tzdata==2026.1 ; sys_platform == 'win32' and python_full_version < '3.14' \\\n    --hash=sha256:{HASH}\n"
    with_extras = f"markitdown[docx, pdf]==0.1.8 \\\n    --hash=sha256:{HASH}\n"
    assert locks.count(_python(PIN + marked + with_extras)) == 3
    assert locks.count(_npm(json.dumps(DOCUMENT))) == 2


def test_a_typescript_lock_remembers_what_was_asked_for() -> None:
    assert locks.asked(_npm(json.dumps(DOCUMENT))) == {"@acme/sums": "^1.2", "zod": "4"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "six==1.17.0\n",
        "six>=1 \\\n    --hash=sha256:" + HASH + "\n",
        PIN + "--index-url https://example.com/simple\n",
        "--find-links /tmp\n" + PIN,
        PIN + "-r other.txt\n",
        PIN + "\n# comment\n",
        f"six @ https://example.com/six.whl \\\n    --hash=sha256:{HASH}\n",
        f"https://example.com/six.whl \\\n    --hash=sha256:{HASH}\n",
        PIN.replace("sha256:" + HASH, "md5:" + HASH[:32]),
        PIN[:-5],
        PIN + PIN[:20],
    ],
)
def test_a_python_lock_of_anything_else_is_refused(text: str) -> None:
    with pytest.raises(EnvironmentFailed, match="damaged or was written by another program"):
        locks.count(_python(text))


@pytest.mark.parametrize(
    "changes",
    [
        {"remote": {"https://example.com/x.ts": "0"}},
        {"redirects": {}},
        {"npm": {}},
        {"npm": {"six@1.0.0": {}}},
        {"npm": {"six@1.0.0": {"integrity": "sha1-AAAA"}}},
        {"npm": {"six@1.0.0": {"integrity": INTEGRITY, "tarball": "https://example.com/six.tgz"}}},
        {"npm": {"six@https://example.com": {"integrity": INTEGRITY}}},
        {"npm": {"../six@1.0.0 x": {"integrity": INTEGRITY}}},
        {"npm": []},
        {"npm": {"six@1.0.0": None}},
        {"workspace": {}},
        {"workspace": {"packageJson": {"dependencies": []}}},
        {"workspace": {"packageJson": {"dependencies": ["jsr:@a/b@1"]}}},
        {"workspace": {"packageJson": {"dependencies": ["npm:six@file:../x"]}}},
        {"workspace": {"packageJson": {"dependencies": ["npm:six@https://example.com/x.tgz"]}}},
        {"workspace": None},
    ],
)
def test_a_typescript_lock_of_anything_else_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(EnvironmentFailed, match="damaged or was written by another program"):
        locks.count(_npm(json.dumps(DOCUMENT | changes)))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_a_typescript_lock_that_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(EnvironmentFailed, match="damaged"):
        locks.count(_npm(text))


def test_addresses_are_taken_out_of_a_typescript_lock() -> None:
    written = {"npm": {"six@1.0.0": {"integrity": INTEGRITY, "tarball": "https://example.com/six.tgz"}}}
    assert json.loads(locks.without_hosts(json.dumps(written))) == {"npm": {"six@1.0.0": {"integrity": INTEGRITY}}}


SOURCE = locks.Source("six", "1.17.0", HASH)
TOOLS = f"adding==1.5.0 \\\n    --hash=sha256:{'1' * 64}\n"


@pytest.mark.parametrize("tools", [TOOLS, TOOLS * 2, ""])
def test_what_is_built_is_remembered_with_its_tools(tools: str) -> None:
    text = locks.with_builds(PIN, [locks.Build(SOURCE, tools)])
    assert locks.builds(text) == [locks.Build(SOURCE, tools)]
    assert "".join(pin.text for pin in locks.pins(text)) == PIN
    assert locks.count(_python(text)) == 1


def test_a_lock_without_builds_stays_as_it_is() -> None:
    assert locks.with_builds(PIN, []) == PIN
    assert locks.builds(PIN) == []


def test_a_pin_is_written_for_another_file() -> None:
    (pin,) = locks.pins(PIN.replace("==1.17.0", "==1.17.0 ; python_version > '3'"))
    assert pin.with_hash("2" * 64) == f"six==1.17.0 ; python_version > '3' \\\n    --hash=sha256:{'2' * 64}\n"


@pytest.mark.parametrize(
    "built",
    [
        "# anything\n",
        f"# six==1.17.0 --hash=sha256:{HASH} is built from source with\n--index-url https://a.example\n",
        f"# six==1.17.0 --hash=sha256:{HASH} is built from source with\n#   --index-url https://a.example\n",
        f"# six==1.17.0 --hash=sha256:{HASH} is built from source with\n#   adding @ https://a.example/a.whl\n",
        f"# six==1.17.0 --hash=sha256:{'3' * 64} is built from source with\n",
        f"# other==1.17.0 --hash=sha256:{HASH} is built from source with\n",
        f"# six==1.18.0 --hash=sha256:{HASH} is built from source with\n",
        f"# six==1.17.0 --hash=sha256:{HASH} is built from source with",
    ],
)
def test_a_lock_that_builds_anything_else_is_refused(built: str) -> None:
    with pytest.raises(EnvironmentFailed, match="damaged"):
        locks.count(_python(PIN + built))

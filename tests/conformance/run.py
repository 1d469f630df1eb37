"""Runs the official MCP conformance suite through our HTTP endpoint, with a key, for both protocol eras."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import anyio

# Started as a script, but the tests import the same modules by these names.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.clients import nodejs, serving
from tests.conformance import proxy, verdicts

SPEC_VERSIONS = ("2025-11-25", "2026-07-28")
SUITE_TIMEOUT_S = 240
SCENARIO_TIMEOUT_MS = 15_000
HERE = Path(__file__).parent
TOOLSET = "conformance"
EXPECTED = HERE / "expected-failures.yml"


async def main() -> int:
    node = nodejs.installed()
    expected = verdicts.read_expected(EXPECTED)
    found: list[verdicts.Verdict] = []
    with tempfile.TemporaryDirectory(prefix="jinba-conformance-") as name:
        work = Path(name)
        access = work / "access.json"
        with serving.served(work / "data", HERE / "toolsets", CONFORMANCE_ACCESS=str(access)) as registry:
            key, path = _prepare(registry, work, access)
            address = urlsplit(registry.url)
            target = (str(address.hostname), int(address.port or 0))
            async with proxy.adding_header(target, "Authorization", f"Bearer {key}") as port:
                for version in SPEC_VERSIONS:
                    results = work / version
                    names = await _run_suite(node, f"http://127.0.0.1:{port}{path}", version, results)
                    _say(f"\n{version}")
                    judged = _judge(names, results, expected)
                    _report(judged, expected)
                    found += judged
    return _sum_up(found, expected)


def _prepare(registry: serving.Registry, work: Path, access: Path) -> tuple[str, str]:
    """A key, a second version to switch to, and what the switching tool needs; returns key and endpoint path."""
    key = registry.issue_key("read", "write", "execute")
    organization = registry.organization(key)
    toolset = f"/v1/orgs/{organization}/toolsets/{TOOLSET}"
    access.write_text(json.dumps({"toolset": registry.url + toolset, "key": key}), encoding="utf-8")
    changed = work / TOOLSET
    shutil.copytree(HERE / "toolsets" / TOOLSET, changed, ignore=shutil.ignore_patterns("__pycache__"))
    described = changed / "tools" / "test_simple_text" / "tool.yml"
    text = described.read_text(encoding="utf-8")
    described.write_text(text.replace("one plain text", "one plain text, still"), encoding="utf-8")
    registry.run("toolsets", "push", str(changed))
    return key, f"{toolset}/mcp"


async def _run_suite(node: nodejs.Node, url: str, version: str, results: Path) -> list[str]:
    """Leaves what the suite found in `results`; returns the scenarios that it should have run."""
    suite = node.command("conformance")
    listed = await _printed(node, [*suite, "list", "--server", "--spec-version", version])
    # Its exit code says less than the results that it leaves: it knows no reasons, and lets warnings through.
    command = [*suite, "server", "--url", url, "--suite", "all", "--spec-version", version]
    await _printed(node, [*command, "--output-dir", str(results), "--timeout", str(SCENARIO_TIMEOUT_MS)])
    return re.findall(r"^  - (\S+)", listed, re.MULTILINE)


async def _printed(node: nodejs.Node, command: list[str]) -> str:
    with anyio.fail_after(SUITE_TIMEOUT_S):
        done = await anyio.run_process(command, env=node.environment, check=False, stderr=subprocess.STDOUT)
    return done.stdout.decode(errors="replace")


def _judge(names: list[str], results: Path, expected: dict[str, str]) -> list[verdicts.Verdict]:
    found = verdicts.read_results(results)
    lost = [verdicts.Check("results", "FAILURE", "the suite left no results of this scenario")]
    return [verdicts.judge(name, found.get(name) or lost, expected) for name in names]


def _report(judged: list[verdicts.Verdict], expected: dict[str, str]) -> None:
    for verdict in judged:
        _say(f"  {verdict.word:<9} {verdict.scenario}")
        for check in verdict.unexpected:
            _say(f"            {check.status} {check.id}: {check.message}")
        for check in verdict.expected:
            reason = expected.get(f"{verdict.scenario}:{check.id}") or expected[verdict.scenario]
            _say(f"            {check.status.lower()} {check.id}: {reason}")
        for name in verdict.stale:
            _say(f"            {name} passes now: take it off {EXPECTED.name}")


def _sum_up(judged: list[verdicts.Verdict], expected: dict[str, str]) -> int:
    unused = verdicts.unused(judged, expected)
    for name in unused:
        _say(f"\n{name} is about nothing that ran: take it off {EXPECTED.name}")
    count = Counter(verdict.word for verdict in judged)
    passed, failed = count["passed"] + count["partly"], count["FAILED"] + len(unused)
    _say(f"\n{passed} passed, {failed} failed")
    _say(f"{count['partly']} of those passed but for listed checks. {count['expected']} more are about what we do not")
    _say(f"offer, and failed as {EXPECTED.name} expects.")
    return 1 if failed or not passed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(anyio.run(main))

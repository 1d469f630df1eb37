"""Holds a server against its own OpenAPI document: schemathesis asks it what the document allows, and what it does not.

In several passes at once: everything with an admin's key, and what users do with the session of one who is signed in.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Started as a script, but the tests import the same modules by these names.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.clients import serving
from tests.fuzz import seeds, verdicts

ROOT = Path(__file__).parents[2]
TOOL = ROOT / ".cache" / "fuzz" / "bin" / "schemathesis"
MIN_CASES = 20_000
TIMEOUT_S = 3_600
"""Of each pass."""
_PROBABILITY = 0.8
"""Of an id that exists where the document allows any text."""
_AUTHORING = ("toolsets", "archives", "tools")
_RUNNING = ("runs", "versions", "webhooks", "env")
_OF_USERS = ("auth", "me", "organizations", "members")
_OF_STRANGERS = "^/v1/auth/(sign-in|sign-up|password)"
"""They would lock the user out whose session is used, or change the password; the passes with the key ask them."""


@dataclass(frozen=True)
class Asked:
    """What one pass came to: how many cases there were, and whether all was well."""

    case_count: int
    is_clean: bool


def main(arguments: Sequence[str] | None = None) -> int:
    wanted = _parser().parse_args(arguments)
    settings = {
        "JINBA_ADDRESS_REQUESTS_PER_MINUTE": "0",
        "JINBA_SIGN_UP": "open",
        "JINBA_WEBHOOK_PRIVATE_HOSTS": seeds.HOOK_HOST,
    }
    if wanted.database:
        settings["JINBA_DATABASE_URL"] = wanted.database
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="jinba-fuzz-") as name:
        work = Path(name)
        (work / "toolsets").mkdir()
        with serving.served(work / "data", work / "toolsets", **settings) as registry:
            passes = _ask_all(registry, work, wanted)
        crashes = (work / "data" / "server.log").read_text(encoding="utf-8").count("Traceback (most recent call last)")
    case_count = sum(each.case_count for each in passes)
    _say(f"\n{case_count} cases with the seed {wanted.seed} in {time.monotonic() - began:.0f} s, {crashes} tracebacks")
    if case_count < wanted.least:
        _say(f"There should have been {wanted.least} cases.")
    return 0 if case_count >= wanted.least and not crashes and all(each.is_clean for each in passes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", default="200", help="of each operation, beside the systematic ones")
    parser.add_argument("--least", type=int, default=MIN_CASES, help="how many cases there have to be")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--database", default="", help="a URL; SQLite if not given")
    return parser


def _ask_all(registry: serving.Registry, work: Path, wanted: argparse.Namespace) -> list[Asked]:
    seeds.add_owner(registry)
    key = registry.issue_key("admin")
    names = seeds.sow(registry, key)
    (work / "schemathesis.toml").write_text(_configuration(names), encoding="utf-8")
    told = {
        "url": registry.url,
        "key_id": registry.ask(key, "/me")["key"]["id"],
        "webhook_ids": names["webhookId"],
        "hook_host": seeds.HOOK_HOST,
        "archives": [seeds.archive(registry, key, slug).hex() for slug in seeds.SLUGS],
    }
    of_user = {**told, "user": {"email": seeds.OWNER, "password": seeds.PASSWORD}}
    as_admin = ("--header", f"Authorization: Bearer {key}")
    passes: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [
        (told, (*as_admin, *_tags("include", _AUTHORING))),
        (told, (*as_admin, *_tags("include", _RUNNING))),
        (told, (*as_admin, *_tags("exclude", _AUTHORING + _RUNNING))),
        # The session is put into every request, those too that are to see what happens without one.
        (
            of_user,
            ("--exclude-checks=ignored_auth", f"--exclude-path-regex={_OF_STRANGERS}", *_tags("include", _OF_USERS)),
        ),
    ]

    def ask(number: int) -> Asked:
        folder = work / str(number)
        folder.mkdir()
        return _ask(registry, folder, *passes[number], wanted)

    # Most of the time goes into waiting: for sandboxes that read code, and for hosts that are not there.
    with ThreadPoolExecutor(len(passes)) as pool:
        asked = list(pool.map(ask, range(len(passes))))
    registry.ask(key, "/me")
    return asked


def _tags(verb: str, tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"--{verb}-tag={tag}" for tag in tags)


def _ask(
    registry: serving.Registry, work: Path, told: Mapping[str, Any], who: Sequence[str], wanted: argparse.Namespace
) -> Asked:
    own = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(ROOT)}
    own |= {"FUZZ_TOLD": str(work / "told.json"), "FUZZ_TALLY": str(work / "tally.json")}
    (work / "told.json").write_text(json.dumps(told), encoding="utf-8")
    document = f"{registry.url}/v1/openapi.json"
    command = [str(TOOL), "--config-file", str(work.parent / "schemathesis.toml"), "run", document, *who]
    command += ["--seed", wanted.seed, "--max-examples", wanted.examples]
    environment = {**registry.environment, **own}
    done = subprocess.run(
        command, cwd=work, env=environment, timeout=TIMEOUT_S, check=False, capture_output=True, text=True
    )
    told_back = work / "tally.json"
    tally = json.loads(told_back.read_text(encoding="utf-8")) if told_back.exists() else {}
    _say(f"{done.stdout}{done.stderr}{_statuses(tally)}")
    return Asked(sum(tally.values()), is_clean=done.returncode == 0)


def _configuration(names: Mapping[str, Sequence[str]]) -> str:
    """What is TOML and JSON at once is written as JSON."""
    lines = [
        "continue-on-failure = true",
        "request-timeout = 60",
        "color = false",
        "[generation]",
        'database = "none"',
        "with-security-parameters = false",
        "[checks.positive_data_acceptance]",
        f"expected-statuses = {json.dumps(verdicts.EXPECTED_STATUSES)}",
        "[checks.negative_data_rejection]",
        f"expected-statuses = {json.dumps(verdicts.REFUSALS)}",
        "[dictionaries]",
        *(f"{name} = {{ values = {json.dumps(values)} }}" for name, values in names.items()),
        "[parameters]",
        *(f'"path.{name}" = {{ dictionary = "{name}", probability = {_PROBABILITY} }}' for name in names),
    ]
    return "\n".join(lines) + "\n"


def _statuses(tally: Mapping[str, int]) -> str:
    """How often each status was answered; all of them alike would be no test."""
    counts: Counter[str] = Counter()
    for answered, count in tally.items():
        counts[answered.rpartition(" ")[2]] += count
    return "Answers: " + ", ".join(f"{count} of {status}" for status, count in sorted(counts.items()))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

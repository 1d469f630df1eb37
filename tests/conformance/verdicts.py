"""What came of a conformance run: the suite's checks against what we wrote down that we do not do."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

_FOLDER = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\d-]+Z")
_FAULTS = ("FAILURE", "WARNING")


@dataclass(frozen=True)
class Check:
    """One check of a scenario, as the suite reports it."""

    id: str
    status: str
    message: str = ""

    @property
    def is_fault(self) -> bool:
        """Warnings count: one that nobody wrote down is news."""
        return self.status in _FAULTS


@dataclass(frozen=True)
class Verdict:
    """One scenario: what went wrong unexpectedly, what did as expected, and which expectations were in vain."""

    scenario: str
    unexpected: tuple[Check, ...]
    expected: tuple[Check, ...]
    stale: tuple[str, ...]
    is_listed: bool
    """Expected to fail as a whole."""

    @property
    def word(self) -> str:
        """`passed`, `partly` (but for listed checks), `expected` (to fail as a whole) or `FAILED`."""
        if self.unexpected or self.stale:
            return "FAILED"
        if self.is_listed:
            return "expected"
        return "partly" if any(check.status == "FAILURE" for check in self.expected) else "passed"


def read_expected(path: Path) -> dict[str, str]:
    """The reasons in an expected-failures file, by `scenario` or `scenario:check`.

    Raises:
        ValueError: an entry has no reason.
    """
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, reason in listed.items():
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"{path.name}: '{name}' has no reason.")
    return dict(listed)


def read_results(folder: Path) -> dict[str, list[Check]]:
    """The checks of each scenario that the suite left results of."""
    results = {}
    for path in sorted(folder.glob("*/checks.json")):
        named = _FOLDER.fullmatch(path.parent.name)
        if named is None:
            raise ValueError(f"The suite names its results in a new way: {path.parent.name}")
        checks = json.loads(path.read_text(encoding="utf-8"))
        results[named["scenario"]] = [Check(c["id"], c["status"], c.get("errorMessage", "")) for c in checks]
    return results


def judge(scenario: str, checks: Iterable[Check], expected: Mapping[str, str]) -> Verdict:
    """Hold the checks of a scenario against what is expected to fail in it."""
    checks = tuple(checks)
    faults = [check for check in checks if check.is_fault]
    is_listed = scenario in expected
    known = [check for check in faults if is_listed or f"{scenario}:{check.id}" in expected]
    # One id may stand for several checks, so it has passed only if none of them failed.
    passed = {check.id for check in checks if check.status == "SUCCESS"} - {check.id for check in faults}
    stale = [f"{scenario}:{name}" for name in sorted(passed) if f"{scenario}:{name}" in expected]
    return Verdict(
        scenario,
        unexpected=tuple(check for check in faults if check not in known),
        expected=tuple(known),
        stale=(scenario, *stale) if is_listed and not faults else tuple(stale),
        is_listed=is_listed,
    )


def unused(verdicts: Collection[Verdict], expected: Mapping[str, str]) -> list[str]:
    """Entries that were about nothing in any of these scenarios: misspelled, or out of date."""
    used = {verdict.scenario for verdict in verdicts}
    used |= {f"{verdict.scenario}:{check.id}" for verdict in verdicts for check in verdict.expected}
    return [name for name in expected if name not in used]

"""Sandboxes: what a ToolSet may ask for, and how it may spell it."""

from typing import Any

import pytest
from pydantic import ValidationError

from jinba_mcp.domain.isolation import Level
from jinba_mcp.domain.sandboxes import Sandbox


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("off", "off"),
        ("on", "on"),
        (False, "off"),
        (True, "on"),
        (["b.example.com", "a.example.com", "b.example.com"], ("a.example.com", "b.example.com")),
        (["*.example.com", "db.example.com:5432", "localhost"], ("*.example.com", "db.example.com:5432", "localhost")),
    ],
)
def test_networks_are_read_in_every_spelling(given: Any, read: Any) -> None:
    assert Sandbox(network=given).network == read


@pytest.mark.parametrize(
    "network",
    [
        "yes", [], ["https://example.com"], ["user@example.com"], ["Example.com"], ["a b"], ["*"], ["exa_mple.com"],
        ["-a.com"], ["a.com/path"], ["a.com:"], ["a.com:123456"], ["a" * 64 + ".com"], [".".join(["abc"] * 70)],
        ["a.com"] * 101 + ["b.com"], [1], 1, None,
    ],
)  # fmt: skip
def test_what_is_no_network_is_refused(network: Any) -> None:
    with pytest.raises(ValidationError):
        Sandbox(network=network)


@pytest.mark.parametrize(
    "fields",
    [
        {"timeout_s": 0}, {"timeout_s": 901}, {"memory_mb": 1}, {"process_count": 0}, {"tmp_mb": 0}, {"cpu_s": -1},
        {"output_kb": 0}, {"log_kb": -1}, {"mode": "forever"}, {"prewarm": "all"}, {"provider": "cloud"},
    ],
)  # fmt: skip
def test_what_no_sandbox_can_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Sandbox(**fields)


def test_levels_are_ordered_from_strong_to_none() -> None:
    order = [Level.STRONG, Level.CONTAINED, Level.WASM, Level.NONE]
    for place, level in enumerate(order):
        assert [level.is_at_least(least) for least in order] == [other >= place for other in range(4)]

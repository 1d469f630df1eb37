"""The allowance: wishes count up to the ceiling, and defaults where there is no wish."""

from jinba_mcp.core.allowance import Allowance
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.sandbox.engine import Limits

MB = 1024 * 1024
CEILINGS = Limits(
    timeout_s=100, cpu_s=50, memory_bytes=1000 * MB, process_count=64, tmp_bytes=100 * MB, output_bytes=10 * MB,
    log_bytes=MB,
)  # fmt: skip


def test_without_wishes_the_defaults_hold() -> None:
    defaults = Limits(timeout_s=7, cpu_s=8)
    assert Allowance(defaults=defaults, ceilings=CEILINGS).limits(Sandbox()) == defaults


def test_wishes_within_the_ceilings_are_granted_in_bytes() -> None:
    wish = Sandbox(timeout_s=60, cpu_s=10, memory_mb=900, process_count=40, tmp_mb=90, output_kb=1, log_kb=2)
    assert Allowance(ceilings=CEILINGS).limits(wish) == Limits(
        timeout_s=60, cpu_s=10, memory_bytes=900 * MB, process_count=40, tmp_bytes=90 * MB, output_bytes=1024,
        log_bytes=2048,
    )  # fmt: skip


def test_no_wish_goes_over_a_ceiling() -> None:
    wish = Sandbox(
        timeout_s=900, cpu_s=900, memory_mb=16_384, process_count=1024, tmp_mb=4096, output_kb=65_536, log_kb=16_384
    )
    assert Allowance(ceilings=CEILINGS).limits(wish) == CEILINGS


def test_defaults_do_not_go_over_a_ceiling_either() -> None:
    assert Allowance(defaults=Limits(timeout_s=500), ceilings=CEILINGS).limits(Sandbox()).timeout_s == 100


def test_more_time_brings_more_processor_time_unless_the_wish_says_otherwise() -> None:
    allowance = Allowance(defaults=Limits(timeout_s=5, cpu_s=5), ceilings=CEILINGS)
    assert allowance.limits(Sandbox(timeout_s=40)).cpu_s == 40
    assert allowance.limits(Sandbox(timeout_s=40, cpu_s=3)).cpu_s == 3

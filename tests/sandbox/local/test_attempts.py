"""Patience with what is killed from outside, and little with what fails by itself."""

import pytest

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.local.attempts import MAX_FAULTS, Attempts


async def test_a_call_that_fails_by_itself_is_given_up_soon() -> None:
    attempts = Attempts(3600)

    for _ in range(MAX_FAULTS - 1):
        await attempts.failed("now", is_its_own_fault=True)
    with pytest.raises(SandboxUnavailable, match="started now"):
        await attempts.failed("now", is_its_own_fault=True)


async def test_a_call_whose_workers_are_killed_is_made_again_until_its_time_is_up() -> None:
    patient, hurried = Attempts(3600), Attempts(0)

    for _ in range(MAX_FAULTS + 2):
        await patient.failed("", is_its_own_fault=False)

    for _ in range(MAX_FAULTS - 1):
        await hurried.failed("", is_its_own_fault=False)
    with pytest.raises(SandboxUnavailable):
        await hurried.failed("", is_its_own_fault=False)

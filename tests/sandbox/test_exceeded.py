"""Which exceptions betray a limit, in all languages, and what is said of it."""

import pytest

from jinba_mcp.sandbox import exceeded
from jinba_mcp.sandbox.engine import Limits


@pytest.mark.parametrize(
    ("name", "message", "limit"),
    [
        ("MemoryError", "", "MemoryLimit"),
        ("RangeError", "Array buffer allocation failed", "MemoryLimit"),
        ("RuntimeError", "can't start new thread", "ProcessLimit"),
        ("BlockingIOError", "[Errno 11] Resource temporarily unavailable", "ProcessLimit"),
        ("OSError", "[Errno 28] No space left on device", "TmpLimit"),
        ("OSError", "[Errno 27] File too large", "TmpLimit"),
        ("Error", "ENOSPC: no space left on device, write", "TmpLimit"),
    ],
)
def test_an_exception_betrays_the_limit_behind_it(name: str, message: str, limit: str) -> None:
    found = exceeded.behind(name, message, "greet", Limits())

    assert found is not None
    assert found.name == limit
    assert "'greet'" in found.message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OSError", "[Errno 2] No such file"),
        ("RuntimeError", "other"),
        ("RangeError", "Invalid array length"),
        ("ValueError", "the log says: [Errno 28] No space left on device"),
    ],
)
def test_other_exceptions_stay_what_they_are(name: str, message: str) -> None:
    assert exceeded.behind(name, message, "greet", Limits()) is None


def test_limits_are_said_as_people_write_them() -> None:
    limits = Limits(timeout_s=1.5, memory_bytes=256 * 1024 * 1024, output_bytes=1000)

    assert "1.5 s" in exceeded.timeout("greet", limits).message
    assert "256 MiB" in exceeded.memory("greet", limits).message
    assert "1000 bytes" in exceeded.output(limits).message

"""What every test may use: databases, and an environment without settings of the machine's own."""

import gc
import os
import threading
from collections import Counter
from collections.abc import Generator

import greenlet
import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.databases", "tests.measured", "tests.redis", "tests.worlds"]

for _name in [name for name in os.environ if name.startswith("JINBA_") and not name.startswith("JINBA_TEST_")]:
    del os.environ[_name]

# The same input each time and however slow the machine is, so that what fails can be had again. New input is tried by
# `pytest --hypothesis-profile=default --hypothesis-seed=random`.
_STEADY = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
settings.register_profile("steady", _STEADY)
settings.register_profile("quick", _STEADY, max_examples=25)

_QUICK_ROWS = 3
_TABLES = tuple(
    f"tests/{room}/" for room in ("cli", "core", "faces", "sandbox/guest", "sandbox/local", "storage", "toolsets")
)
"""Where a row of a table of parameters costs a database, a process or a tool's libraries."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Generate less for `make test`."""
    settings.load_profile("quick" if config.option.markexpr == "not slow" else "steady")
    _keep_greenlets()


def _keep_greenlets() -> None:
    """Let no thread's end run Python code in the main thread.

    Coverage asks every thread for its greenlet and watches by a weak reference for its end, which is a pending call of
    the main thread. If another thread ends meanwhile, CPython 3.11 turns forever in the first line of the callback that
    it traces (3.12 traces otherwise), where no signal reaches it.
    """
    # Or a greenlet that the garbage collector does not see referred to would be taken for a leak, and freed.
    greenlet._greenlet.enable_optional_cleanup(False)
    begin, kept = threading.Thread._bootstrap_inner, []  # type: ignore[attr-defined]  # private, as the one place

    def keep(thread: threading.Thread) -> None:
        kept.append(greenlet.getcurrent())
        begin(thread)

    threading.Thread._bootstrap_inner = keep  # type: ignore[attr-defined]  # through which all threads begin


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the first rows of a long table of parameters to `make test`, and all of them to `make check`."""
    rows: Counter[str] = Counter()
    for item in items:
        function, _, row = item.nodeid.partition("[")
        rows[function] += 1
        if row and rows[function] > _QUICK_ROWS and function.startswith(_TABLES):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep all that is imported and collected out of every search for garbage, or each would take half a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()

"""The conversation of a worker, with a host that the test plays."""

import json
import sys
import textwrap
from typing import Any

import pytest

from jinba_mcp.sandbox.guest import channel, session, tools
from jinba_mcp.sandbox.guest.session import Session, Terms

Said = list[tuple[int, bytes]]


class Host:
    """Says `frames` and hears the answers; also the streams of the run."""

    def __init__(self, *frames: tuple[int, bytes]) -> None:
        self._frames = list(frames)
        self.heard: Said = []
        self.rooms: list[int] = []
        self.flush_count = 0

    def read(self) -> tuple[int, bytes]:
        if not self._frames:
            raise EOFError
        return self._frames.pop(0)

    def write(self, kind: int, payload: bytes) -> None:
        self.heard.append((kind, payload))

    def open(self, max_bytes: int) -> None:
        self.rooms.append(max_bytes)

    def flush(self) -> None:
        self.flush_count += 1

    def serve(self, code: str, compiled: bytes | None = None, **changes: Any) -> Said:
        fields = {"log_bytes": 9, "output_bytes": 1000, "cpu_s": 1000, "is_lazy": False, "is_traced": False}
        terms = Terms("set/tool/main.py", "run", **({"is_reused": False} | fields | changes))
        try:
            Session(self, self, terms).serve(textwrap.dedent(code), compiled)
        except EOFError:
            self.heard.append((0, b"end"))
        return self.heard


CALL = (channel.CALL, b'{"n":1}')
ADD = "def run(n: int) -> int:\n    return n + 1"


@pytest.fixture(autouse=True)
def _no_reporter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.reporter, "send", None)


def test_a_first_worker_compiles_before_it_runs_anything() -> None:
    compiled, ready, result = Host(CALL).serve(ADD)

    assert compiled == (channel.COMPILED, tools.compiled(ADD, "set/tool/main.py"))
    assert ready == (channel.READY, b"")
    assert json.loads(result[1]) == {"ok": True, "output": 2, "content": None}


def test_a_later_worker_takes_what_was_compiled() -> None:
    host = Host(CALL)

    heard = host.serve(ADD, tools.compiled(ADD, "set/tool/main.py"))

    assert [kind for kind, _payload in heard] == [channel.READY, channel.RESULT]
    assert host.flush_count == 2


@pytest.mark.parametrize("is_lazy", [False, True])
def test_code_that_does_not_compile_or_load_is_told_with_its_place(*, is_lazy: bool) -> None:
    unreadable = Host().serve("def run(:", is_lazy=is_lazy)
    failing = Host(CALL).serve("\nraise ValueError('no')", is_lazy=is_lazy)

    assert json.loads(unreadable[0][1])["fault"]["line"] == 1
    told = json.loads(failing[-1][1] if is_lazy else failing[1][1])
    assert (told["fault"]["line"], "ValueError: no" in told["fault"]["message"]) == (2, True)


def test_a_lazy_worker_loads_when_it_is_called() -> None:
    heard = Host(CALL).serve("print('loaded')\n" + ADD, is_lazy=True)

    assert [kind for kind, _payload in heard] == [channel.COMPILED, channel.READY, channel.RESULT]


def test_what_a_tool_imports_is_told_without_the_tool_itself() -> None:
    sys.modules.pop("this_is_new", None)
    code = "import sys, types\nsys.modules['this_is_new'] = types.ModuleType('this_is_new')\n" + ADD

    heard = Host().serve(code, is_traced=True)

    assert json.loads(heard[1][1]) == {"fault": None, "modules": ["this_is_new"]}
    del sys.modules["this_is_new"]


def test_a_tool_describes_itself_or_says_why_not() -> None:
    described = Host((channel.DESCRIBE, b"")).serve(ADD)
    refused = Host((channel.DESCRIBE, b"")).serve("class Odd: ...\ndef run(n: Odd) -> int: ...")

    assert json.loads(described[-1][1])["signature"]["input_schema"]["required"] == ["n"]
    assert "fault" in json.loads((refused[-1] if refused[-1][0] else refused[-2])[1])


def test_a_worker_that_is_used_again_answers_until_the_host_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.setrlimit", lambda _which, values: limits.append(values))
    host = Host(CALL, CALL)

    heard = host.serve(ADD, is_reused=True)

    assert [kind for kind, _payload in heard[2:]] == [channel.RESULT, channel.RESULT, 0]
    assert host.rooms == [9, 9, 9]
    assert all(soft >= 1000 for soft, _hard in limits)


def test_progress_is_sent_but_not_without_end() -> None:
    code = """
        from jinba_mcp.authoring import progress
        def run(n: int) -> None:
            for step in range(1000):
                progress(step, None, "x" * 5000)
    """
    tools.reporting(session.reporter)

    heard = Host(CALL).serve(code)

    reports = [json.loads(payload) for kind, payload in heard if kind == channel.PROGRESS]
    assert reports[0] == [0, None, "x" * 1000]
    assert 10 < len(reports) < 500


def test_a_report_to_no_session_is_nobodys() -> None:
    session.reporter(1, None, None)


def test_types_without_a_schema_are_told_when_it_is_described() -> None:
    code = "class Odd:\n    def __init__(self): ...\ndef run(n: Odd) -> int: ..."

    heard = Host((channel.DESCRIBE, b"")).serve(code)

    assert "Odd" in json.loads(heard[-1][1])["fault"]["message"]


def test_progress_to_a_host_that_has_gone_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended(Exception):
        pass

    def end(status: int) -> None:
        raise Ended(status)

    def refuse(_kind: int, _payload: bytes) -> None:
        raise BrokenPipeError

    host = Host()
    made = Session(host, host, Terms("t.py", "run", 9, 9, 9, is_lazy=False, is_traced=False, is_reused=False))
    monkeypatch.setattr("os._exit", end)
    monkeypatch.setattr(host, "write", refuse)

    with pytest.raises(Ended):
        made._report(1, None, None)

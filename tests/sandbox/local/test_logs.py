"""What a run prints, read from a pipe, no more than fits."""

import os
from collections.abc import Iterator

import pytest

from jinba_mcp.domain.runs import NO_LOGS
from jinba_mcp.sandbox import capture
from jinba_mcp.sandbox.local.logs import Log, logs


class Pipe:
    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)

    def lines(self, raw: bytes, max_bytes: int = 100) -> tuple[str, ...]:
        os.write(self.writing, raw)
        log = Log(self.reading, max_bytes)
        log.read()
        return log.lines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reading)
    os.close(made.writing)


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"", ()),
        (b"a\nb\r\n\nc", ("a", "b", "", "c")),
        (b"a\0b\n", ("a\\x00b",)),
        (b"caf\xc3\xa9 \xff\n", ("café \\xff",)),
    ],
)
def test_bytes_become_lines(pipe: Pipe, raw: bytes, lines: tuple[str, ...]) -> None:
    assert pipe.lines(raw) == lines


@pytest.mark.parametrize(
    ("raw", "kept"),
    [(b"abcdef", "abcd"), ("abcé".encode(), "abc"), ("ab€€".encode(), "ab"), ("a😀b".encode(), "a"), ("é" * 4, "éé")],
)
def test_what_is_over_is_cut_between_characters_and_marked(pipe: Pipe, raw: bytes | str, kept: str) -> None:
    given = raw if isinstance(raw, bytes) else raw.encode()

    assert pipe.lines(given, 4) == (kept, "… (cut at 4 bytes)")


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"a\nb\n", ("a", "b")),
        (b"a\nb\nc", ("a", "b", "… (cut at 2 lines)")),
        (b"\n" * 200, ("", "", "… (cut at 2 lines)")),
    ],
)
def test_lines_are_counted_too(pipe: Pipe, monkeypatch: pytest.MonkeyPatch, raw: bytes, lines: tuple[str, ...]) -> None:
    monkeypatch.setattr(capture, "MAX_LINES", 2)

    assert pipe.lines(raw) == lines


def test_reading_stops_at_the_limit_and_at_the_end(pipe: Pipe) -> None:
    log = Log(pipe.reading, 2)

    os.write(pipe.writing, b"a")
    assert log.read()
    os.write(pipe.writing, b"bcd")
    assert not log.read()

    # What is over stays in the pipe, and its writer waits.
    assert os.read(pipe.reading, 10) == b"d"


def test_a_restarted_log_has_nothing_of_the_run_before(pipe: Pipe) -> None:
    log = Log(pipe.reading, 2)
    os.write(pipe.writing, b"abcd")
    log.read()

    log.restart()
    log.read()

    assert log.lines() == ("d",)


def test_no_output_is_the_one_empty_log(pipe: Pipe) -> None:
    assert logs(Log(pipe.reading, 1), Log(pipe.reading, 1)) is NO_LOGS

"""Prints of a run go to the run, the server's own to the real streams, strays to standard error."""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import pytest

from jinba_mcp.sandbox import capture

Reals: TypeAlias = tuple[io.TextIOWrapper, io.TextIOWrapper]


@contextmanager
def reals() -> Iterator[Reals]:
    """Stand-ins for the process's own streams. Not a fixture, because pytest sets its own after those."""
    before = sys.stdout, sys.stderr
    streams = (io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8"))
    sys.stdout, sys.stderr = streams
    try:
        yield streams
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def routed() -> Iterator[Reals]:
    with reals() as streams:
        capture.install()
        try:
            yield streams
        finally:
            capture.uninstall()


@contextmanager
def inside_a_run() -> Iterator[tuple[Reals, capture.Output]]:
    output = capture.Output(100)
    with routed() as streams:
        token = capture.output.set(output)
        try:
            yield streams, output
        finally:
            capture.output.reset(token)


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def test_outside_a_run_the_real_streams_are_written() -> None:
    with routed() as real:
        sys.stdout.write("out\n")
        sys.stdout.flush()
        sys.stdout.buffer.write(b"bytes\n")
        sys.stdout.buffer.flush()
        sys.stderr.write("err\n")

    assert (written(real[0]), written(real[1])) == ("out\nbytes\n", "err\n")


def test_inside_a_run_nothing_reaches_them() -> None:
    with inside_a_run() as (real, run):
        sys.stdout.writelines(["a\n", "b"])
        sys.stdout.buffer.write(b"c\n")
        sys.stderr.write("err")
        sys.stdout.flush()

    assert (written(real[0]), written(real[1])) == ("", "")
    assert run.logs().stdout == ("a", "bc")
    assert run.logs().stderr == ("err",)


def test_a_run_has_no_terminal_and_no_descriptor() -> None:
    with inside_a_run():
        said = (sys.stdout.encoding, sys.stdout.errors, sys.stdout.name, sys.stdout.isatty())
        can_write = (sys.stdout.writable(), sys.stdout.buffer.writable())
        with pytest.raises(io.UnsupportedOperation):
            sys.stdout.fileno()

    assert said == ("utf-8", "backslashreplace", "<stdout>", False)
    assert can_write == (True, True)


def test_a_run_that_closes_or_reconfigures_its_output_changes_nothing() -> None:
    with inside_a_run() as (real, run):
        assert isinstance(sys.stdout, capture.Router)
        sys.stdout.reconfigure(encoding="latin-1")
        sys.stdout.buffer.close()
        sys.stdout.close()
        sys.stdout.write("still here")

    assert real[0].encoding == "utf-8"
    assert not real[0].closed
    assert run.logs().stdout == ("still here",)


def test_outside_a_run_the_routers_answer_for_the_real_streams(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path_factory.mktemp("out") / "out").open("w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdout", file)
        capture.install()
        try:
            assert isinstance(sys.stdout, capture.Router)
            assert sys.stdout.fileno() == file.fileno()
            assert not sys.stdout.isatty()
            sys.stdout.reconfigure(line_buffering=True)
            assert file.line_buffering
        finally:
            capture.uninstall()


def test_a_thread_without_a_run_ends_on_standard_error() -> None:
    def stray() -> None:
        sys.stdout.write("text\n")
        sys.stdout.flush()
        sys.stdout.buffer.write(b"bytes\n")

    with inside_a_run() as (real, run):
        thread = threading.Thread(target=stray)
        thread.start()
        thread.join()

    assert (written(real[0]), written(real[1])) == ("", "text\nbytes\n")
    assert run.logs().stdout == ()


def test_the_last_one_out_restores_the_streams() -> None:
    with reals() as real:
        capture.install()
        capture.install()
        capture.uninstall()
        still_routed = sys.stdout
        capture.uninstall()
        restored = sys.stdout, sys.stderr

    assert isinstance(still_routed, capture.Router)
    assert restored == real


def test_a_stream_that_somebody_else_replaced_is_left_alone() -> None:
    theirs = io.StringIO()
    with reals() as real:
        capture.install()
        sys.stdout = theirs
        capture.uninstall()
        left = sys.stdout, sys.stderr

    assert left == (theirs, real[1])


def test_a_process_without_streams_can_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    capture.install()
    try:
        print("nowhere")  # noqa: T201  what this test is about
        sys.stdout.buffer.write(b"nowhere")
    finally:
        capture.uninstall()

    assert sys.stdout is None


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        ([], ()),
        (["a"], ("a",)),
        (["a\n", "\n", "b\r\n"], ("a", "", "b")),
        (["a\x0bb\u2028c"], ("a\x0bb\u2028c",)),
        (["\ud800\0"], ("\\ud800\\x00",)),
        (["12345678"], ("12345678",)),
        (["123456789"], ("12345678", "… (cut at 8 bytes)")),
        (["1234567\n", "x", "y"], ("1234567", "… (cut at 8 bytes)")),
        (["1234567é"], ("1234567", "… (cut at 8 bytes)")),
    ],
)
def test_lines_are_whole_bounded_and_storable(texts: list[str], lines: tuple[str, ...]) -> None:
    stream = capture.Stream(8)
    for text in texts:
        assert stream.write(text) == len(text)

    assert stream.lines() == lines


def test_a_character_may_come_in_two_writes_of_bytes() -> None:
    stream = capture.Stream(8)
    assert [stream.write_bytes(part) for part in (b"\xc3", b"\xa9", memoryview(b"\xff"))] == [1, 1, 1]

    assert stream.lines() == ("é\\xff",)


def test_only_text_is_written() -> None:
    with pytest.raises(TypeError, match="must be str, not bytes"):
        capture.Stream(8).write(b"x")  # type: ignore[arg-type]  # the mistake under test

"""Random bytes: as many as asked for, none twice, not even in a process that was forked."""

import os
import sys

import pytest

from jinba_mcp.domain.randomness import random_bytes


def test_each_piece_is_as_long_as_asked_for_and_given_out_once() -> None:
    pieces = [random_bytes(10) for _ in range(2_000)]
    assert {len(piece) for piece in pieces} == {10}
    assert len(set(pieces)) == len(pieces)
    assert len(random_bytes(100_000)) == 100_000


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_a_forked_process_gets_others() -> None:
    random_bytes(1)
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, random_bytes(16))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(readable, 16) != random_bytes(16)
    os.close(readable)
    os.close(writable)

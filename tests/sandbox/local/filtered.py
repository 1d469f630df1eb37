"""A fresh process that puts a filter over itself and then does what the test asks of it."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Sequence

_INSTALL = """
import ctypes, errno, json, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)

def install(program):
    code = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, head, 0, 0) == 0, ctypes.get_errno()

def call(number, *arguments):
    ctypes.set_errno(0)
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    return "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""
_CALLS = """
answers = [call(*each) for each in given["calls"]]
"""


def answers(program: bytes, calls: Sequence[Sequence[int]]) -> list[str]:
    """How each call (its number, its arguments) ends under the filter: "ok", or the name of the error."""
    found = _run(_INSTALL, program, _CALLS, {"calls": calls})
    assert isinstance(found, list)
    return found


def result(program: bytes, body: str) -> object:
    """What `answers` holds once the Python code `body` has run under the filter."""
    return _run(_INSTALL, program, textwrap.dedent(body), {})


def _run(install: str, program: bytes, body: str, given: dict[str, object]) -> object:
    begin = "given = json.load(sys.stdin)\ninstall(bytes.fromhex(given['program']))"
    text = f"{install}\n{begin}\n{body}\nprint(json.dumps(answers))"
    told = json.dumps(given | {"program": program.hex()})
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", text], input=told, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr}"
    loaded: object = json.loads(done.stdout)
    return loaded

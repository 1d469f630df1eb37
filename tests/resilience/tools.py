"""The tools that the servers here are given, as source code, and how to write them where a server finds them."""

from pathlib import Path

from tests.resilience.doors import Tool

ECHO = '''
def run(number: int, text: str) -> dict:
    """Give back what was asked, and something that had to be worked out from it."""
    return {"number": number, "text": text, "doubled": number * 2}
'''

HOLD = '''
import socket

def run(port: int, name: str) -> dict:
    """Say that it has begun, and wait until it is told to go on."""
    with socket.create_connection(("127.0.0.1", port)) as gate:
        gate.sendall(name.encode() + b"\\n")
        gate.recv(1)
    return {"name": name}
'''

RAISE = """
def run(text: str) -> dict:
    raise ValueError(f"no luck with {text}")
"""

UNSERIALISABLE = """
def run() -> dict:
    return {"lock": object()}
"""

PRINT = """
import sys

def run(text: str) -> dict:
    print(text)
    print(text, file=sys.stderr)
    sys.stdout.buffer.write(text.encode())
    return {"printed": True}
"""

WRITE_BELOW = '''
import ctypes, os, subprocess, sys, threading

os.write(1, b"noise of the import\\n")
subprocess.run([sys.executable, "-c", "print('noise of a child of the import')"], check=True)

def run(text: str) -> dict:
    """Write to standard output by every way that goes past Python's sys.stdout."""
    os.write(1, text.encode())
    subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1])", text], check=True)
    os.system("echo noise of a shell")
    libc = ctypes.CDLL(None)
    libc.puts(text.encode())
    sys.__stdout__.write(text)
    thread = threading.Thread(target=print, args=(text,))
    thread.start()
    thread.join()
    return {"stdin": sys.stdin.read()}
'''

HUGE = """
def run() -> dict:
    return {"text": "x" * 50_000_000}
"""

EXIT = """
import sys

def run() -> dict:
    sys.exit(3)
"""

INTERRUPT = """
def run() -> dict:
    raise KeyboardInterrupt
"""

EXIT_LATER = """
import asyncio, sys

async def run() -> dict:
    await asyncio.sleep(0)
    sys.exit(3)
"""

INTERRUPT_LATER = """
import asyncio

async def run() -> dict:
    await asyncio.sleep(0)
    raise KeyboardInterrupt
"""

_STEADY = {"echo": ECHO, "hold": HOLD}
_UNRULY = {
    "raise": RAISE,
    "unserialisable": UNSERIALISABLE,
    "print": PRINT,
    "huge": HUGE,
    "exit": EXIT,
    "interrupt": INTERRUPT,
    "exit-later": EXIT_LATER,
    "interrupt-later": INTERRUPT_LATER,
}

ECHO_TOOL, HOLD_TOOL = Tool("steady-tools", "echo"), Tool("steady-tools", "hold")
BRIEF_HOLD_TOOL = Tool("brief-tools", "hold")
"""Given a second."""


def write_steady(toolsets: Path) -> None:
    """Tools that do as they should."""
    _write(toolsets / "steady-tools", _STEADY, "sandbox: {provider: inprocess}\n")


def write_unruly(toolsets: Path) -> None:
    """Tools that do as they should not; of one that never returns, one that is given little time."""
    _write(toolsets / "unruly-tools", _UNRULY, "sandbox: {provider: inprocess}\n")
    _write(toolsets / "brief-tools", {"hold": HOLD}, "sandbox: {provider: inprocess, timeout: 1}\n")


def write_noisy(toolsets: Path) -> None:
    """A tool that writes to the standard output of the process."""
    _write(toolsets / "noisy-tools", {"write-below": WRITE_BELOW}, "sandbox: {provider: inprocess}\n")


def _write(folder: Path, tools: dict[str, str], settings: str) -> None:
    folder.mkdir(parents=True)
    (folder / "toolset.yml").write_text(f"name: The {folder.name}\nmcpEnabled: true\n{settings}", encoding="utf-8")
    for slug, code in tools.items():
        tool = folder / "tools" / slug
        tool.mkdir(parents=True)
        (tool / "tool.yml").write_text(f"name: The {slug}\ndescription: Does it.\n", encoding="utf-8")
        (tool / "main.py").write_text(code, encoding="utf-8")

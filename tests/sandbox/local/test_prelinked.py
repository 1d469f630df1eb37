"""Copies of programs that need no relocating: they work, they are made once, and what is unknown is left alone."""

import re
import struct
import subprocess
from pathlib import Path

import pytest

from jinba_mcp.sandbox.local import deno
from jinba_mcp.sandbox.local import prelinked as module
from jinba_mcp.sandbox.local.prelinked import Unfit, bound, prelinked

PROGRAM = deno.installed().path
ENTRY_AT, MACHINE_AT = 24, 18
_IRELATIVE = 37
_SYMBOLS, _FUNCTION = 11, 2


@pytest.fixture
def copy(cache_dir: Path) -> Path:
    made = prelinked(PROGRAM, cache_dir)
    assert made != PROGRAM
    return made


def relocations(program: Path) -> int:
    """How many pointers the loader writes at a start, those of libraries included."""
    told = subprocess.run(
        [program, "--version"], env={"LD_DEBUG": "statistics"}, capture_output=True, check=True, timeout=60
    )
    return sum(map(int, re.findall(rb"number of relative relocations: (\d+)", told.stderr)))


def entry(program: Path) -> int:
    with program.open("rb") as file:
        (address,) = struct.unpack_from("<Q", file.read(64), ENTRY_AT)
    return int(address)


def offered(program: bytes) -> list[int]:
    """Addresses of the functions that others may call (elf(5): section headers, .dynsym)."""
    (start,) = struct.unpack_from("<Q", program, 40)
    size, count = struct.unpack_from("<HH", program, 58)
    headers = [struct.unpack_from("<IIQQQQ", program, at) for at in range(start, start + size * count, size)]
    ((offset, length),) = [header[4:] for header in headers if header[1] == _SYMBOLS]
    symbols = struct.iter_unpack("<IBBHQQ", program[offset : offset + length])
    return [address for _name, info, _other, section, address, _size in symbols if section and info & 0xF == _FUNCTION]


def test_a_copy_does_what_the_program_does(copy: Path) -> None:
    answers = [
        subprocess.run([each, "eval", "console.log(6 * 7)"], capture_output=True, check=True, timeout=60).stdout
        for each in (PROGRAM, copy)
    ]

    assert answers == [b"42\n", b"42\n"]


def test_the_loader_has_little_left_to_do(copy: Path) -> None:
    assert relocations(PROGRAM) > 100_000
    assert relocations(copy) < 10_000


def test_what_it_offers_to_plugins_has_moved_with_it(copy: Path) -> None:
    addresses = [offered(each.read_bytes()) for each in (PROGRAM, copy)]
    distance = entry(copy) - entry(PROGRAM)

    assert len(addresses[0]) > 0
    assert addresses[1] == [address + distance for address in addresses[0]]


def test_it_is_made_once_and_for_everybody(copy: Path, cache_dir: Path) -> None:
    before = copy.stat()

    assert prelinked(PROGRAM, cache_dir) == copy
    assert copy.stat().st_ino == before.st_ino
    assert [path.stat().st_mode & 0o777 for path in (copy, copy.parent, copy.parent.parent)] == [0o755] * 3
    assert list(copy.parent.iterdir()) == [copy]


def test_each_cache_draws_an_address_of_its_own(copy: Path, tmp_path: Path) -> None:
    assert entry(prelinked(PROGRAM, tmp_path)) != entry(copy)


@pytest.mark.parametrize("content", [None, b"", b"#!/bin/sh\nexit 0\n", b"\x7fELF\x02\x01" + bytes(10)])
def test_what_is_no_such_program_is_used_as_it_is(content: bytes | None, tmp_path: Path) -> None:
    program = tmp_path / "program"
    if content is not None:
        program.write_bytes(content)

    assert prelinked(program, tmp_path / "cache") == program


def test_a_copy_that_does_not_answer_alike_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bound", lambda _program, _base: b"#!/bin/sh\necho otherwise\n")

    assert prelinked(PROGRAM, tmp_path) == PROGRAM
    assert [path for path in (tmp_path / "programs").rglob("*") if path.is_file()] == []


def test_a_file_that_is_cut_short_is_refused() -> None:
    head = PROGRAM.read_bytes()[: 1 << 20]

    for length in (0, 16, 63, 64, 100, 4096, len(head)):
        with pytest.raises(Unfit):
            bound(head[:length], 0)


def test_a_program_for_another_machine_is_refused() -> None:
    program = bytearray(PROGRAM.read_bytes())
    struct.pack_into("<H", program, MACHINE_AT, 183)

    with pytest.raises(Unfit, match="x86-64"):
        bound(bytes(program), 0)


def test_a_relocation_of_another_kind_is_refused() -> None:
    program = bytearray(PROGRAM.read_bytes())
    table = re.search(rb"(?:\x08\0{7}.{16}){9}", program, re.DOTALL)
    assert table is not None
    struct.pack_into("<Q", program, table.start() + 24, _IRELATIVE)

    with pytest.raises(Unfit, match="order"):
        bound(bytes(program), 0)

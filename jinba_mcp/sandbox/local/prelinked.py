"""A copy of a program in which the loader's work is done: its pointers to itself lead where it will always lie.

Deno holds 170,000 such pointers. At each start the loader writes them all, which takes a fifth of what a run takes, and
with them 2.6 MB of pages that processes could share. The copy (ELF, ET_EXEC) is bound to an address, drawn once from as
many as the kernel draws from at each start of the original; libraries, stack and heaps are still drawn each time. Who
could use the address in a later run could have read it in the first, and meets the same walls in both.
"""

import hashlib
import logging
import secrets
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MAX_BYTES = 512 * 1024 * 1024
_TRIAL_S = 20.0
_PIECE_BYTES = 1024 * 1024
# elf(5), and the x86-64 supplement of the System V ABI
_IDENTITY = b"\x7fELF\x02\x01"  # 64 bits, the lower byte first
_X86_64, _SHARED, _FIXED = 62, 3, 2
_LOAD, _DYNAMIC, _STACK = 1, 2, 0x6474_E551
_SYMBOLS = 11
_ABSOLUTE, _OF_THREADS = 0xFFF1, 6
_TYPE_BITS = 0xFFFF_FFFF
_BY_SYMBOL = {1, 5, 6, 7}
"""Relocations that the loader works out from symbols: R_X86_64_64, COPY, GLOB_DAT, JUMP_SLOT."""
_RELATIVE = 8
_RELA, _RELA_BYTES, _RELATIVE_COUNT, _JUMPS, _JUMPS_BYTES, _FLAGS = 7, 8, 0x6FFF_FFF9, 23, 2, 0x6FFF_FFFB
# PLTGOT, HASH, STRTAB, SYMTAB, RELA, INIT, FINI, JMPREL, INIT_ARRAY, FINI_ARRAY, GNU_HASH, VERSYM, VERDEF, VERNEED
_ADDRESSES = {3, 4, 5, 6, 7, 12, 13, 23, 25, 26, 0x6FFF_FEF5, 0x6FFF_FFF0, 0x6FFF_FFFC, 0x6FFF_FFFE}
# NEEDED, PLTRELSZ, RELASZ, RELAENT, STRSZ, SYMENT, SONAME, RPATH, PLTREL, DEBUG, BIND_NOW, INIT_ARRAYSZ, FINI_ARRAYSZ,
# RUNPATH, FLAGS, RELACOUNT, FLAGS_1, VERDEFNUM, VERNEEDNUM
_VALUES = {1, 2, 8, 9, 10, 11, 14, 15, 20, 21, 24, 27, 28, 29, 30, 0x6FFF_FFF9, 0x6FFF_FFFB, 0x6FFF_FFFD, 0x6FFF_FFFF}
_IS_BOUND_AT_START, _IS_MOVABLE = 0x1, 0x0800_0000  # DF_1_NOW, DF_1_PIE
# Where Linux puts such programs: from two thirds of the address space on, 28 bits of pages (arch/x86).
_LOWEST, _PAGE, _PAGE_BITS = 0x5555_5555_4000, 4096, 28
_log = logging.getLogger(__name__)


class Unfit(Exception):
    """Something in the file is not as we know it."""


class _Segment(NamedTuple):
    address: int
    offset: int
    length: int


def prelinked(program: Path, cache_dir: Path) -> Path:
    """The copy of a program, made in `cache_dir` if it is not there yet. Blocks for about half a second then.

    The program itself where there can be no copy, or where the copy does not answer `--version` as the program does.
    """
    try:
        stat = program.stat()
        key = hashlib.sha256(f"{program}\0{stat.st_size}\0{stat.st_mtime_ns}".encode()).hexdigest()[:32]
        copy = cache_dir / "programs" / key / program.name
        if not copy.is_file():
            _make(program, copy)
        _read(copy)
    except (OSError, Unfit, subprocess.SubprocessError) as error:
        _log.info(
            "programs are relocated at each start: no prelinked copy can be made",
            extra={"event": "sandbox.prelink_refused", "reason": str(error)},
        )
        return program
    return copy


def _make(program: Path, copy: Path) -> None:
    if program.stat().st_size > _MAX_BYTES:
        raise Unfit("it is too large")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.parent.chmod(0o755)
    copy.parent.parent.chmod(0o755)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=copy.parent) as place:
        made = Path(place) / copy.name
        made.write_bytes(bound(program.read_bytes(), _LOWEST + _PAGE * secrets.randbelow(1 << _PAGE_BITS)))
        made.chmod(0o755)
        if _answer(made) != _answer(program):
            raise Unfit("its copy does not work")
        made.rename(copy)


def _read(copy: Path) -> None:
    """Bring it into memory front to back, where it then lies in large pieces (folios).

    What page faults bring in lies there page by page, and each start pays 2 to 3 ms for that until it is evicted.
    """
    with copy.open("rb", buffering=0) as file:
        while file.read(_PIECE_BYTES):
            pass


def _answer(program: Path) -> bytes:
    command = [str(program), "--version"]
    return subprocess.run(command, capture_output=True, check=True, timeout=_TRIAL_S, env={}).stdout


def bound(program: bytes, base: int) -> bytes:
    """The program as it is when it lies at the address `base`, to be loaded there and nowhere else.

    Raises:
        Unfit: it is not a program for x86-64 that may lie anywhere, or holds what we know no way to move.
    """
    try:
        return _Binding(program, base).done()
    except (struct.error, KeyError, IndexError) as error:
        raise Unfit(f"it is cut short, or none of the usual: {error!r}") from error


class _Binding:
    def __init__(self, program: bytes, base: int) -> None:
        kind, machine = struct.unpack_from("<HH", program, 16)
        if not program.startswith(_IDENTITY) or (kind, machine) != (_SHARED, _X86_64):
            raise Unfit("it is no program for x86-64 that may lie anywhere")
        self._data = bytearray(program)
        self._base = base
        self._segments: list[_Segment] = []

    def done(self) -> bytes:
        struct.pack_into("<H", self._data, 16, _FIXED)
        self._move(24)  # where it begins
        dynamic = self._move_segments()
        places = {self._word(at): at + 8 for at in range(dynamic.offset, dynamic.offset + dynamic.length, 16)}
        places.pop(0)
        if not places.keys() <= _ADDRESSES | _VALUES:
            raise Unfit("its loader is told something else")
        self._relocate(places)
        self._move_symbols()
        for tag in places.keys() & _ADDRESSES:
            self._move(places[tag])
        return bytes(self._data)

    def _move_segments(self) -> _Segment:
        """Where they go, and which of them tells the loader the rest."""
        (start,) = struct.unpack_from("<Q", self._data, 32)
        size, count = struct.unpack_from("<HH", self._data, 54)
        dynamic: _Segment | None = None
        for at in range(start, start + size * count, size):
            kind, _flags, offset, address, _physical, length = struct.unpack_from("<IIQQQQ", self._data, at)
            if kind == _LOAD:
                self._segments.append(_Segment(address, offset, length))
            elif kind == _DYNAMIC:
                dynamic = _Segment(address, offset, length)
            if kind != _STACK:
                self._move(at + 16)
                self._move(at + 24)
        if dynamic is None:
            raise Unfit("it has no loader")
        return dynamic

    def _relocate(self, places: dict[int, int]) -> None:
        """Do what the loader would do first, and leave it the rest."""
        length, count = self._word(places[_RELA_BYTES]), self._word(places[_RELATIVE_COUNT])
        start = self._offset(self._word(places[_RELA]))
        rest = start + 24 * count
        pointers: list[tuple[int, int]] = []
        for address, kind, value in struct.iter_unpack("<QQQ", self._data[start:rest]):
            if kind != _RELATIVE:
                raise Unfit("its relocations are in another order")
            pointers.append((address, value))
        # By segment, because looking it up for each of so many takes longer than all the rest.
        if sum(self._write(segment, pointers) for segment in self._segments) != count:
            raise Unfit("an address leads out of it")
        for at in range(rest, start + length, 24):
            self._move_relocation(at)
        jumps = self._offset(self._word(places[_JUMPS]))
        for at in range(jumps, jumps + self._word(places[_JUMPS_BYTES]), 24):
            self._move_relocation(at)
        self._put(places[_RELA], self._word(places[_RELA]) + 24 * count)
        self._put(places[_RELA_BYTES], length - 24 * count)
        self._put(places[_RELATIVE_COUNT], 0)
        flags = self._word(places[_FLAGS])
        if not flags & _IS_BOUND_AT_START:
            raise Unfit("it looks for functions while it runs")
        self._put(places[_FLAGS], flags & ~_IS_MOVABLE)

    def _write(self, segment: _Segment, pointers: list[tuple[int, int]]) -> int:
        """Write those that lie in a segment; how many these are."""
        first, last = segment.address, segment.address + segment.length - 8
        inside = [pointer for pointer in pointers if first <= pointer[0] <= last]
        pack, data, base, delta = struct.Struct("<Q").pack_into, self._data, self._base, segment.offset - first
        for address, value in inside:
            pack(data, address + delta, value + base)
        return len(inside)

    def _move_relocation(self, at: int) -> None:
        if self._word(at + 8) & _TYPE_BITS not in _BY_SYMBOL:
            raise Unfit("it has relocations of another kind")
        self._move(at)

    def _move_symbols(self) -> None:
        for start, length in self._symbol_tables():
            for at in range(start, start + length, 24):
                info, _other, section = struct.unpack_from("<BBH", self._data, at + 4)
                if section not in (0, _ABSOLUTE) and info & 0xF != _OF_THREADS:
                    self._move(at + 8)

    def _symbol_tables(self) -> Iterator[tuple[int, int]]:
        (start,) = struct.unpack_from("<Q", self._data, 40)
        size, count = struct.unpack_from("<HH", self._data, 58)
        for at in range(start, start + size * count, size):
            (kind,) = struct.unpack_from("<I", self._data, at + 4)
            if kind == _SYMBOLS:
                offset, length = struct.unpack_from("<QQ", self._data, at + 24)
                yield offset, length

    def _offset(self, address: int) -> int:
        for segment in self._segments:
            if segment.address <= address < segment.address + segment.length:
                return segment.offset + address - segment.address
        raise Unfit("an address leads out of it")

    def _move(self, at: int) -> None:
        self._put(at, self._word(at) + self._base)

    def _word(self, at: int) -> int:
        (word,) = struct.unpack_from("<Q", self._data, at)
        return int(word)

    def _put(self, at: int, word: int) -> None:
        struct.pack_into("<Q", self._data, at, word)

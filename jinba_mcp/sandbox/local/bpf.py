"""An assembler for the kernel's packet filters, as far as seccomp needs them.

Programs are put together from their end: a jump only ever leads forward, so its target is already there.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

Place = NewType("Place", int)
"""An instruction, counted from the end of the program."""

LOAD, AND, RETURN, JUMP = 0x20, 0x54, 0x06, 0x05
IF_EQUAL, IF_AT_LEAST = 0x15, 0x35
ALL_BITS = 0xFFFF_FFFF
MAX_INSTRUCTIONS = 4096
"""BPF_MAXINSNS of linux/bpf_common.h."""

_REACH = 250
"""How far a conditional jump may lead (255), less the room that two stepping stones take."""


@dataclass(frozen=True)
class Is:
    """A test: the bits of `mask` in one word of what is filtered are one of `values`, or none if `negated`."""

    offset: int
    values: tuple[int, ...]
    mask: int = ALL_BITS
    negated: bool = False


Rule = Sequence[Sequence[Is]]
"""Any of these, each of which is all of its tests."""


class Assembler:
    """Builds one program backwards; every method returns the place that it put something at."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int]] = []
        self._nearest: dict[Place, Place] = {}

    def returning(self, value: int) -> Place:
        return self._put(RETURN, value)

    def loading(self, offset: int) -> Place:
        """Load the word at `offset`, then go on with what was put before."""
        return self._put(LOAD, offset)

    def branching(self, operation: int, value: int, *, yes: Place, no: Place) -> Place:
        """Compare the loaded word with `value`."""
        yes, no = self._near(yes), self._near(no)
        here = len(self._code)
        return self._put(operation, value, here - yes - 1, here - no - 1)

    def choosing(self, starts: Sequence[tuple[int, Place]]) -> Place:
        """Go where the last of `starts` (ascending, from 0) that is not above the loaded word leads."""
        if len(starts) == 1:
            return starts[0][1]
        middle = len(starts) // 2
        above = self.choosing(starts[middle:])
        below = self.choosing(starts[:middle])
        return self.branching(IF_AT_LEAST, starts[middle][0], yes=above, no=below)

    def testing(self, rule: Rule, *, yes: Place, no: Place) -> Place:
        """Load what the rule tests and decide."""
        for tests in reversed(rule):
            passed = yes
            for test in reversed(tests):
                passed = self._test(test, yes=passed, no=no)
            no = passed
        return no

    def program(self) -> bytes:
        """The instructions in order, as `struct sock_filter` of linux/filter.h.

        Raises:
            ValueError: the kernel takes no program of this length.
        """
        if len(self._code) > MAX_INSTRUCTIONS:
            raise ValueError(f"{len(self._code)} instructions, and the kernel takes {MAX_INSTRUCTIONS}")
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in reversed(self._code))

    def _test(self, test: Is, *, yes: Place, no: Place) -> Place:
        if test.negated:
            yes, no = no, yes
        for value in reversed(test.values):
            no = self.branching(IF_EQUAL, value, yes=yes, no=no)
        if test.mask != ALL_BITS:
            self._put(AND, test.mask)
        return self.loading(test.offset)

    def _put(self, operation: int, value: int, yes: int = 0, no: int = 0) -> Place:
        self._code.append((operation, yes, no, value))
        return Place(len(self._code) - 1)

    def _near(self, target: Place) -> Place:
        """The target, or a stepping stone to it within reach."""
        nearest = self._nearest.get(target, target)
        distance = len(self._code) - nearest
        if distance <= _REACH:
            return nearest
        operation, _yes, _no, value = self._code[target]
        stone = self._put(RETURN, value) if operation == RETURN else self._put(JUMP, len(self._code) - target - 1)
        self._nearest[target] = stone
        return stone

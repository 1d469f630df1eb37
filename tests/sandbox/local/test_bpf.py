"""The assembler, its programs read by the interpreter that the filters' tests use."""

import struct

import pytest

from jinba_mcp.sandbox.local import bpf
from jinba_mcp.sandbox.local.bpf import Assembler, Is
from tests.sandbox.local.test_seccomp import decision

NUMBER, FIRST, SECOND = 0, 16, 24


def decided(rule: bpf.Rule, *arguments: int) -> str:
    code = Assembler()
    no, yes = code.returning(0), code.returning(1)
    tested = code.testing(rule, yes=yes, no=no)
    code.branching(bpf.IF_EQUAL, 0, yes=tested, no=tested)
    code.loading(NUMBER)
    return ("no", "yes")[decision(code.program(), 0, arguments)]


def test_a_rule_holds_if_all_tests_of_any_alternative_do() -> None:
    rule = [[Is(FIRST, (1, 2)), Is(SECOND, (3,))], [Is(FIRST, (9,))]]
    assert [decided(rule, *given) for given in ((1, 3), (2, 3), (1, 4), (9, 0), (5, 3))] == [
        "yes",
        "yes",
        "no",
        "yes",
        "no",
    ]


def test_a_negated_test_holds_for_everything_else() -> None:
    rule = [[Is(FIRST, (1, 2), negated=True)]]
    assert [decided(rule, given) for given in (1, 2, 3)] == ["no", "no", "yes"]


def test_a_mask_leaves_the_other_bits_out() -> None:
    rule = [[Is(FIRST, (1,), mask=0xF)]]
    assert [decided(rule, given) for given in (0x801, 0x802)] == ["yes", "no"]


def test_an_alternative_without_tests_holds_always_and_no_alternative_never() -> None:
    assert (decided([[]]), decided([])) == ("yes", "no")


def test_ranges_lead_where_they_begin() -> None:
    code = Assembler()
    answers = [code.returning(value) for value in range(4)]
    code.choosing([(0, answers[0]), (5, answers[1]), (6, answers[2]), (100, answers[3])])
    code.loading(NUMBER)
    program = code.program()
    assert [decision(program, number) for number in (0, 4, 5, 6, 99, 100, 5000)] == [0, 0, 1, 2, 2, 3, 3]


def test_jumps_reach_further_than_a_byte_counts() -> None:
    code = Assembler()
    first, second = code.returning(1), code.returning(2)
    code.choosing([(number, first if number % 2 else second) for number in range(2000)])
    code.loading(NUMBER)
    program = code.program()
    assert [decision(program, number) for number in range(2000)] == [1 if number % 2 else 2 for number in range(2000)]


def test_a_far_test_is_reached_by_way_of_a_stepping_stone() -> None:
    code = Assembler()
    no, yes = code.returning(0), code.returning(1)
    special = code.testing([[Is(FIRST, (7,))]], yes=yes, no=no)
    code.choosing([(number, special if number % 2 else no) for number in range(1000)])
    code.loading(NUMBER)
    program = code.program()
    assert [decision(program, number, (argument,)) for number in (1, 2, 999) for argument in (7, 8)] == [
        1,
        0,
        0,
        0,
        1,
        0,
    ]


def test_what_the_kernel_would_refuse_for_its_length_is_not_made() -> None:
    code = Assembler()
    for _ in range(bpf.MAX_INSTRUCTIONS + 1):
        code.returning(0)
    with pytest.raises(ValueError, match="4097 instructions, and the kernel takes 4096"):
        code.program()


def test_an_instruction_has_the_kernels_layout() -> None:
    code = Assembler()
    code.returning(0x7FFF0000)
    assert code.program() == struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)

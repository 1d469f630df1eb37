"""Recovery codes: many, different, and recognised however they are typed."""

from jinba_mcp.domain.totp import RECOVERY_CODE_COUNT, new_recovery_codes, recovery_digest


def test_recovery_codes_are_all_different() -> None:
    codes = new_recovery_codes() + new_recovery_codes()
    assert len(set(codes)) == 2 * RECOVERY_CODE_COUNT
    assert all(len(code) == 23 for code in codes)


def test_a_recovery_code_is_the_same_however_it_is_typed() -> None:
    code = new_recovery_codes()[0]
    assert recovery_digest(code) == recovery_digest(code.upper().replace("-", " ")) != recovery_digest(code[:-1])

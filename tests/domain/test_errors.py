"""The tree of errors: drawn as it is, with public sentences that say what to do next."""

import re
from typing import Any

import pytest

from jinba_mcp.domain import errors
from jinba_mcp.domain.errors import JinbaError

LONG = "x" * 10_000


def every_error() -> list[type[JinbaError]]:
    found, pending = [], [JinbaError]
    while pending:
        for child in pending.pop().__subclasses__():
            if child.__module__.startswith(errors.__name__ + "."):
                found.append(child)
                pending.append(child)
    return found


def test_every_family_is_drawn_at_the_top_and_nothing_else_is() -> None:
    drawn = re.findall(r"^[├└] (\w+)", errors.__doc__ or "", re.MULTILINE)
    assert drawn == [*dict.fromkeys(drawn)]
    assert set(drawn) == {family.__name__ for family in JinbaError.__subclasses__()}


@pytest.mark.parametrize("error", every_error())
def test_every_error_has_a_code_that_can_be_an_anchor(error: type[JinbaError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)?", error.code)


@pytest.mark.parametrize("error", every_error())
def test_no_error_knows_the_status_of_any_wire(error: type[JinbaError]) -> None:
    assert not {"status", "status_code", "http_status", "exit_code"} & vars(error).keys()


@pytest.mark.parametrize(
    ("error", "message", "details"),
    [
        (errors.KeyMissing(), "Authorization: Bearer jtb_", {}),
        (errors.KeyMalformed(), "copied whole?", {}),
        (errors.KeyUnknown(), "Create a new one", {}),
        (errors.KeyExpired("2026-01-01"), "expired at 2026-01-01", {"expiredAt": "2026-01-01"}),
        (
            errors.ScopeMissing("write", ["read"]),
            "'write'; this key holds: read",
            {"required": "write", "held": ["read"]},
        ),
        (errors.ScopeMissing("write", []), "holds: none", {"required": "write", "held": []}),
        (errors.AddressForbidden(), "allowedIps", {}),
        (errors.PersonalKeyNeeded(), "personal key", {}),
        (errors.NarrowingExceeded(), "narrowed", {}),
        (errors.OperatorNeeded(), "operator", {}),
        (errors.HostForbidden("evil.example"), "'evil.example'. If it should", {}),
        (errors.OriginForbidden("https://evil.example"), "JINBA_ALLOWED_ORIGINS", {}),
        (errors.OrganizationNotFound("acme"), "There is no organization 'acme' here.", {}),
        (errors.ToolNotFound("a/b", "Did you mean a/c?"), "There is no tool 'a/b' here. Did you mean a/c?", {}),
        (errors.NameTaken("ToolSet", "a"), "already a ToolSet 'a'", {}),
        (errors.VersionExists("1.0.0", "2.0.0"), "must exceed the latest, 2.0.0", {"latest": "2.0.0"}),
        (errors.VersionUnchanged("1.0.0"), "Nothing changed since version 1.0.0", {}),
        (errors.DraftEmpty("a"), "add one before you publish", {}),
        (errors.VersionYanked("1.0.0"), "runs only when pinned", {}),
        (errors.CredentialsConflict(), "Send one", {}),
        (errors.CursorInvalid(), "without a cursor", {}),
        (errors.ShuttingDown(), "Send the request again", {}),
        (errors.Internal(), "request id", {}),
        (errors.TooLarge("Over 4 MB.", limit=4), "Over 4 MB.", {"limit": 4}),
    ],
)
def test_each_message_says_what_is_so_and_what_to_do(error: JinbaError, message: str, details: dict[str, Any]) -> None:
    assert message in error.message
    assert error.message.endswith((".", "?", ")."))
    assert str(error) == error.message
    assert error.details == details


@pytest.mark.parametrize(
    "error", [errors.RunNotFound(LONG), errors.HostForbidden(LONG), errors.OriginForbidden(LONG)], ids=type
)
def test_a_name_of_any_length_is_cut_in_the_message(error: JinbaError) -> None:
    assert len(error.message) < 250
    assert "xxx…" in error.message


@pytest.mark.parametrize(("count", "text"), [(0, "0 fields of"), (1, "1 field of"), (2, "2 fields of")])
def test_faults_of_fields_are_counted(count: int, text: str) -> None:
    faults: list[dict[str, Any]] = [{"pointer": f"/{n}", "detail": "no"} for n in range(count)]
    error = errors.FieldsInvalid(faults)
    assert error.message.startswith(text)
    assert error.details == {"errors": faults}


def test_refused_arguments_name_the_tool_the_run_and_the_first_faults() -> None:
    faults: list[dict[str, Any]] = [{"pointer": "", "detail": "d0"}]
    faults += [{"pointer": f"/p{n}", "detail": f"d{n}"} for n in range(1, 7)]
    error = errors.ArgumentsInvalid("slugify", faults, "run_1")
    assert error.message.startswith("The arguments do not fit the input schema of 'slugify': d0; /p1: d1;")
    assert "/p4: d4" in error.message
    assert "/p5" not in error.message
    assert error.details == {"errors": faults, "runId": "run_1"}

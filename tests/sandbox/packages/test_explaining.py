"""The installers' last words, as they were seen, become one sentence that names the package."""

import pytest

from jinba_mcp.domain.errors import EnvironmentFailed, PackagesUnresolvable
from jinba_mcp.domain.packages import Package
from jinba_mcp.sandbox.packages import explaining

END = ", we can conclude that your requirements are unsatisfiable."
ASKED = (Package(name="Sums"), Package(name="adding"))


def _uv(*facts: str) -> str:
    return "error: No solution found when resolving dependencies\n  cause: " + " ".join(facts).replace(" ,", ",")


CASES = {
    "unknown": (
        _uv("Because sums was not found in the package registry and you require sums", END),
        "Package 'sums' does not exist in the package index; check its spelling.",
    ),
    "no such version": (
        _uv("Because only sums<=1.2 is available and you require sums>9", END),
        "Package 'sums' has no version that fits: only sums<=1.2 is available and this ToolSet requires sums>9.",
    ),
    "none of several versions": (
        _uv("Because only the following versions of sums are available:", "sums==1.0 sums==1.2 and you need more", END),
        (
            "Package 'sums' has no version that fits: only the following versions of sums are available: "
            "sums==1.0 sums==1.2 and you need more."
        ),
    ),
    "no wheel": (
        _uv("Because sums==1.0 has no usable wheels and you require sums==1.0", END) + "\n\nhint: Wheels are required",
        (
            "Package 'sums' has no wheel for Python 3.11 on this machine in the version asked for, and building from "
            "source is not allowed; choose another version."
        ),
    ),
}
CONFLICT = _uv(
    "Because sums==1.0 depends on adding<2 and you require sums==1.0, we can conclude that you require adding<2.",
    "And because you require adding==2.0",
    END,
)


@pytest.mark.parametrize(("errors", "message"), CASES.values(), ids=CASES.keys())
def test_what_uv_could_not_solve_is_told_from_the_authors_side(errors: str, message: str) -> None:
    fault = explaining.python_fault(errors, ASKED, "3.11")
    assert isinstance(fault, PackagesUnresolvable)
    assert (fault.message, fault.details) == (message, {"package": "sums"})


def test_packages_that_exclude_each_other_are_told_with_the_reason() -> None:
    fault = explaining.python_fault(CONFLICT, ASKED, "3.11")
    assert fault.message == (
        "The packages cannot be had together: Because sums==1.0 depends on adding<2 and this ToolSet requires "
        "sums==1.0, we can conclude that this ToolSet requires adding<2. And because this ToolSet requires "
        "adding==2.0, nothing fits."
    )
    assert fault.details == {"package": "Sums"}


def test_a_long_derivation_is_cut() -> None:
    fault = explaining.python_fault(_uv(*["Because sums depends on adding"] * 500), ASKED, "3.11")
    assert len(fault.message) < 600


def test_what_strangers_call_their_packages_is_cut_before_it_is_searched() -> None:
    # Uncut, 50 KB of it, which uv repeats faithfully, keep the patterns and with them the server busy for minutes.
    name = "b" * 2_000
    unknown = explaining.python_fault(_uv(f"Because {name} was not found in the package registry", END), ASKED, "3.11")
    assert unknown.message == (
        f"Package '{name[:200]}', which another one needs, does not exist in the package index; check its spelling."
    )
    assert explaining.without_wheels(_uv(f"Because {name} has no wheels", END)) == {name[:200]}
    assert explaining.npm_fault(f"error: npm package '{name}' does not exist.", ASKED).message.count("b") < 300
    assert explaining.moment_fault(f"{name} cannot be read").message.endswith(f"said: {name[:200]} cannot be read")


@pytest.mark.parametrize(
    ("errors", "package"),
    [
        ("error: npm package 'sums' does not exist.", "sums"),
        ("error: Could not find npm package 'adding' matching '9'.", "adding"),
        ("error: Could not find dist-tag 'next' for npm package 'adding'.", "adding"),
    ],
)
def test_what_deno_could_not_solve_names_the_package(errors: str, package: str) -> None:
    fault = explaining.npm_fault(errors, ASKED)
    assert isinstance(fault, PackagesUnresolvable)
    assert fault.details == {"package": package}
    assert f"Package '{package}'" in fault.message


@pytest.mark.parametrize(
    "errors",
    [
        "error: Failed to fetch: https://user:secret@index.example/simple/six/\n  cause: dns error",
        "error: Request failed after 3 retries in 9s\n  cause: tcp connect error",
        'error: Failed loading https://registry.example/zod for package "zod"',
        "error: client error (Connect): invalid peer certificate: UnknownIssuer",
    ],
)
def test_a_registry_that_is_away_is_told_without_its_address(errors: str) -> None:
    fault = explaining.moment_fault(errors)
    assert isinstance(fault, EnvironmentFailed)
    assert "registry cannot be reached" in fault.message
    assert "example" not in fault.message


def test_files_that_were_replaced_are_told_by_name() -> None:
    message = explaining.moment_fault("error: Hash mismatch for `six==1.0`\n\nExpected: …").message
    assert message.startswith("The registry now offers other files for the package 'six==1.0' than")


def test_anything_else_is_told_without_addresses_and_paths() -> None:
    errors = "error: Failed to frob `/srv/secret/place` at https://u:p@index.example/x?token=1\n  cause: odd"
    message = explaining.moment_fault(errors).message
    assert (
        message == "The packages cannot be installed now. The installer said: error: Failed to frob `…` at … cause: odd"
    )
    assert explaining.moment_fault("").message.endswith("said: nothing")


def test_packages_without_wheels_are_named() -> None:
    errors = _uv("Because all versions of sums have no usable wheels and adding==1.0 has no usable wheels", END)
    hint = "\n\nhint: Wheels are required for `more-sums` because building from source is disabled for all packages"
    assert explaining.without_wheels(errors + hint) == {"sums", "adding", "more-sums"}
    assert explaining.without_wheels("error: Wheels are required for `sums`, and the network is down") == set()

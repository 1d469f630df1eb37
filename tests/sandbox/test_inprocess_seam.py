"""The rest of the seam in process: schemas, what it can do, what it refuses, and letting go."""

from types import SimpleNamespace

import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import SandboxUnavailable, ToolCodeInvalid
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.sandbox.engine import Limits, Setup

from .conftest import MakeProgram, Running

LIMITS = Limits()
BRIEF = Limits(timeout_s=0.02)


async def test_describe_says_what_the_code_takes_and_gives(running: Running, program: MakeProgram) -> None:
    async with running() as engine:
        said = await engine.describe(program('def run(name: str) -> str:\n    """Greets."""\n    return name'), LIMITS)

    assert said.description == "Greets."
    assert said.input_schema == {
        "type": "object",
        "properties": {"name": {"title": "Name", "type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    assert said.output_schema == {"type": "string"}


async def test_describe_refuses_code_that_does_not_load(running: Running, program: MakeProgram) -> None:
    async with running() as engine:
        with pytest.raises(
            ToolCodeInvalid, match="line 2, column 1: ModuleNotFoundError: No module named 'nowhere_to_be'"
        ):
            await engine.describe(program("x = 1\nimport nowhere_to_be.found"), LIMITS)


async def test_describe_refuses_types_without_a_schema_and_says_where(running: Running, program: MakeProgram) -> None:
    untyped = program("x = 1\n\ndef run(a) -> dict:\n    return {}")
    callback = program("from typing import Callable\ndef run(a: Callable[[], int]) -> dict:\n    return {}")

    async with running() as engine:
        with pytest.raises(ToolCodeInvalid, match="'a' of 'run' has no annotation") as caught:
            await engine.describe(untyped, LIMITS)
        with pytest.raises(ToolCodeInvalid, match="The parameters have no JSON Schema"):
            await engine.describe(callback, LIMITS)

    assert caught.value.details == {"line": 3}


async def test_describe_does_not_wait_for_ever(running: Running, program: MakeProgram, shared: SimpleNamespace) -> None:
    async with running() as engine:
        with pytest.raises(ToolCodeInvalid, match=r"took longer than 0\.02 s to load"):
            await engine.describe(program("shared.release.wait()"), BRIEF)


async def test_it_says_that_it_walls_nothing_in(running: Running, program: MakeProgram) -> None:
    async with running() as engine:
        capabilities = await engine.capabilities()
        outcomes = [
            await engine.run(Setup(program(f"def run() -> int:\n    return {result}"), LIMITS), {})
            for result in ("1", "1 / 0")
        ]

    assert capabilities.isolation == Isolation(provider="inprocess", tier="thread", level=Level.NONE)
    assert (capabilities.languages, capabilities.has_packages, capabilities.networks) == (("python",), False, ("on",))
    assert [outcome.isolation for outcome in outcomes] == [capabilities.isolation] * 2


async def test_a_run_that_times_out_says_so_too(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    async with running() as engine:
        outcome = await engine.run(Setup(program("def run() -> dict:\n    shared.release.wait()"), BRIEF), {})

    assert outcome.isolation is not None
    assert outcome.isolation.level is Level.NONE


async def test_environment_variables_need_another_engine(running: Running, program: MakeProgram) -> None:
    setup = Setup(program("def run() -> dict:\n    return {}"), LIMITS, Env({"TOKEN": "s3cret"}, ["TOKEN"]))

    async with running() as engine:
        with pytest.raises(SandboxUnavailable, match="sandbox provider to 'local'") as caught:
            await engine.run(setup, {})

    assert "s3cret" not in caught.value.message


async def test_preparing_and_arming_ask_only_for_python(running: Running, program: MakeProgram) -> None:
    python, typescript = program(""), program("", language="typescript")

    async with running() as engine:
        await engine.prepare(python.bundle)
        await engine.arm(Setup(python, LIMITS))
        with pytest.raises(SandboxUnavailable, match="runs Python only"):
            await engine.prepare(typescript.bundle)


async def test_a_discarded_bundle_is_loaded_again_when_it_is_called(
    running: Running, program: MakeProgram, shared: SimpleNamespace
) -> None:
    setup = Setup(program("shared.seen.append(1)\ndef run() -> dict:\n    return {}"), LIMITS)

    async with running() as engine:
        await engine.run(setup, {})
        await engine.discard("sha256:other")
        await engine.run(setup, {})
        await engine.discard(setup.program.bundle.digest)
        await engine.run(setup, {})

    assert shared.seen == [1, 1]


async def test_a_tool_cannot_change_what_its_caller_gave(running: Running, program: MakeProgram) -> None:
    given: JsonObject = {"a": {"b": [1]}}

    async with running() as engine:
        greet = program("def run(a: dict) -> dict:\n    a['b'].append(2)\n    return a")
        outcome = await engine.run(Setup(greet, LIMITS), given)

    assert outcome.output == {"b": [1, 2]}
    assert given == {"a": {"b": [1]}}


async def test_typescript_is_for_another_engine(running: Running, program: MakeProgram) -> None:
    typescript = program("export {}", language="typescript")

    async with running() as engine:
        with pytest.raises(SandboxUnavailable, match="runs Python only"):
            await engine.run(Setup(typescript, LIMITS), {})
        with pytest.raises(SandboxUnavailable, match="runs Python only"):
            await engine.describe(typescript, LIMITS)

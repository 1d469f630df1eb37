"""TypeScript tools inside the walls, and what Deno is allowed there."""

from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.domain.env import Env
from jinba_mcp.domain.errors import SandboxUnavailable, ToolCodeInvalid
from jinba_mcp.sandbox.engine import Limits, OutcomeStatus
from jinba_mcp.sandbox.local import deno
from jinba_mcp.sandbox.local.deno import Deno
from tests.sandbox.local.conftest import Running
from tests.sandbox.typescript.conftest import tool

ADD = "export async function run(input: { a: number; b: number }) { return { sum: input.a + input.b }; }"


def arguments(code: str = ADD, **bundle: Any) -> tuple[str, ...]:
    setup = tool(code, bundle=bundle, memory_bytes=256 * 1024 * 1024)
    return Deno(Path("/x/deno")).arguments(setup.program, setup.limits, "/guest")


def test_only_named_permissions_are_given() -> None:
    allowed = [each for each in arguments() if each.startswith("--allow")]

    assert allowed == ["--allow-env", "--allow-write=.,/dev/fd/3", "--allow-read=.,/guest/deno,/node_modules"]
    assert "--no-prompt" in arguments()


def test_the_network_is_allowed_where_the_walls_have_a_door() -> None:
    assert "--allow-net" in arguments(network=("example.com",))
    assert "--allow-net" in arguments(network="on")
    assert "--allow-net" not in arguments(network="off")


def test_the_heap_leaves_room_for_the_rest_of_the_memory() -> None:
    assert "--v8-flags=--max-old-space-size=208" in arguments()


def test_authoring_is_mapped_for_who_imports_it() -> None:
    assert "--import-map=/guest/deno/imports.json" in arguments('import "jinba-mcp/authoring";')
    assert "--import-map=/guest/deno/imports.json" not in arguments()


def test_packages_are_shown_where_every_file_finds_them() -> None:
    installed = Deno(Path("/x/deno"))

    assert installed.shown(None) == {"/opt/deno": "/x/deno"}
    assert installed.shown(Path("/env")) == {"/opt/deno": "/x/deno", "/node_modules": "/env/node_modules"}


def test_where_nothing_can_be_mounted_its_paths_are_the_hosts() -> None:
    placed = Deno(Path("/x/deno")).in_place(Path("/env/node_modules"))

    assert (placed.executable, placed.node_modules) == ("/x/deno", "/env/node_modules")


def test_to_execute_it_is_to_execute_its_loader_too() -> None:
    path = deno.installed().path

    program, *loaders = Deno(path).executables

    assert program == str(path)
    assert all(Path(each).is_file() for each in loaders)
    assert len(loaders) <= 1


def test_it_is_open_if_every_folder_above_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bin" / "deno"
    path.parent.mkdir()
    assert not Deno(path).is_open()
    path.touch(0o755)
    path.parent.chmod(0o700)

    assert not Deno(path).is_open()
    assert Deno(Path("/bin/sh").resolve()).is_open()


def test_a_missing_deno_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(deno, "find_deno_bin", nowhere)

    with pytest.raises(SandboxUnavailable, match="pip install deno"):
        deno.installed.__wrapped__()


async def test_a_tool_runs_with_its_variables_and_its_log(running: Running) -> None:
    code = """
    export function run(input: { name: string }) {
      console.log("hello", input.name);
      console.error("careful");
      return { token: process.env.TOKEN, home: process.env.HOME };
    }
    """
    async with running(typescript=deno.installed()) as engine:
        outcome = await engine.run(tool(code, env=Env({"TOKEN": "s3cret"})), {"name": "A"})

    assert outcome.output == {"token": "s3cret", "home": "/tmp"}  # noqa: S108  the run's own
    assert outcome.logs.stdout == ("hello A",)
    assert outcome.logs.stderr == ("careful",)
    assert outcome.isolation is not None
    assert outcome.isolation.level == "strong"


async def test_a_log_over_its_limit_is_cut_and_the_run_goes_on(running: Running) -> None:
    code = "export function run() { for (let i = 0; i < 9000; i++) console.log('x'.repeat(99)); return 1; }"
    async with running(typescript=deno.installed()) as engine:
        outcome = await engine.run(tool(code, log_bytes=1000), {})

    assert outcome.output == 1
    assert outcome.logs.stdout[-1] == "… (cut at 1000 bytes)"


async def test_progress_and_content_come_out(running: Running) -> None:
    code = """
    import { image, progress } from "jinba-mcp/authoring";
    export function run() { progress(1, 2, "half"); return ["look", image(new Uint8Array([1]))]; }
    """
    reports: list[tuple[float, float | None, str | None]] = []
    async with running(typescript=deno.installed()) as engine:
        outcome = await engine.run(tool(code), {}, lambda *report: reports.append(report))

    assert reports == [(1, 2, "half")]
    assert outcome.content == (
        {"type": "text", "text": "look"},
        {"type": "image", "mimeType": "image/png", "data": "AQ=="},
    )


async def test_code_is_described_and_its_faults_are_placed(running: Running) -> None:
    async with running(typescript=deno.installed()) as engine:
        signature = await engine.describe(tool("/** Ticks. */\nexport const run = () => 1;").program, Limits())
        with pytest.raises(ToolCodeInvalid) as caught:
            await engine.describe(tool("export function run() {\n  return 1 +;\n}").program, Limits())

    assert signature.description == "Ticks."
    assert caught.value.message == "greeting-tools/greet/main.ts line 2, column 13: SyntaxError: Expression expected."
    assert caught.value.details == {"line": 2, "column": 13}


async def test_a_tool_that_does_not_load_fails_each_run(running: Running) -> None:
    async with running(typescript=deno.installed()) as engine:
        outcome = await engine.run(tool("throw new Error('no');\nexport const run = 1;"), {})

    assert outcome.status is OutcomeStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.name == "ToolCodeInvalid"
    assert "line 1, column 7: Error: no" in outcome.error.message


@pytest.mark.parametrize(("mode", "outputs"), [("one_shot", [1, 1]), ("reuse", [1, 2])])
async def test_state_is_kept_only_where_it_was_asked_for(
    running: Running,
    mode: str,
    outputs: list[int],
) -> None:
    setup = tool("let n = 0; export const run = () => ++n;", bundle={"mode": mode})
    async with running(typescript=deno.installed()) as engine:
        assert [(await engine.run(setup, {})).output for _ in range(2)] == outputs


@pytest.mark.parametrize("prewarm", ["tool", "packages", "off"])
async def test_a_tool_answers_however_it_is_warmed(running: Running, prewarm: str) -> None:
    setup = tool(ADD, bundle={"prewarm": prewarm})
    async with running(typescript=deno.installed()) as engine:
        await engine.arm(setup)
        assert (await engine.run(setup, {"a": 1, "b": 2})).output == {"sum": 3}


async def test_without_deno_there_is_python_only(running: Running) -> None:
    async with running() as engine:
        assert (await engine.capabilities()).languages == ("python",)
        with pytest.raises(SandboxUnavailable, match="typescript"):
            await engine.run(tool(ADD), {"a": 1, "b": 2})

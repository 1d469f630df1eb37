"""What one tier needs, and what it refuses."""

import os
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.local import brokering, deno, mounts
from jinba_mcp.sandbox.local.mounts import Python
from jinba_mcp.sandbox.local.plans import Planner
from jinba_mcp.sandbox.local.tiers import Tier

from .conftest import MakeSetup

PYTHON = Bundle(digest="sha256:1", toolset="greeting-tools", language="python")
TYPESCRIPT = PYTHON.model_copy(update={"language": "typescript"})
DENO = deno.Deno(Path("/opt/somewhere/deno"))


def planner(cache_dir: Path, tier: Tier = Tier.NAMESPACES, *, has_egress: bool = True) -> Planner:
    return Planner(cache_dir, tier, Python.own(), typescript=DENO, has_egress=has_egress)


def test_python_finds_runtime_and_packages_where_they_are_mounted(cache_dir: Path) -> None:
    plan = planner(cache_dir).blueprint(PYTHON, Path("/cache/env"), ("numpy",))

    assert plan.shown[mounts.PACKAGES] == "/cache/env"
    assert plan.paths == (f"{mounts.RUNTIME}/base", mounts.PACKAGES)
    assert plan.guest == f"{mounts.RUNTIME}/base/guest"
    assert (plan.is_python, plan.has_network, plan.preimport) == (True, False, ("numpy",))
    assert plan.zygote_filter != plan.worker_filter


def test_typescript_sees_its_program_and_not_pythons_packages(cache_dir: Path) -> None:
    plan = planner(cache_dir).blueprint(TYPESCRIPT, Path("/cache/env"), ())

    assert plan.shown[deno.EXECUTABLE] == "/opt/somewhere/deno"
    assert "/cache/env" not in plan.shown.values()
    assert not plan.is_python


def test_typescript_runs_as_a_program(cache_dir: Path, setup: MakeSetup) -> None:
    job = planner(cache_dir).job(setup("export function run() {}", bundle={"language": "typescript"}))

    assert job.command is not None
    assert job.command.arguments()[0] == deno.EXECUTABLE


async def test_where_nothing_can_be_mounted_paths_are_the_hosts(cache_dir: Path) -> None:
    made = planner(cache_dir, Tier.LANDLOCK)
    plan = made.blueprint(PYTHON, Path("/cache/env"), ())

    assert plan.shown == {}
    assert plan.paths[1] == "/cache/env"
    assert plan.paths[0].startswith(str(cache_dir))
    assert made.folders is not None
    assert all(path.startswith(str(made.folders.top)) for path in plan.writable)
    await made.folders.close()


async def test_where_nothing_can_be_mounted_typescript_finds_real_paths(
    cache_dir: Path, tmp_path: Path, setup: MakeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "deno"
    program.symlink_to(deno.installed().path)
    monkeypatch.setattr(deno.Deno, "is_open", lambda _self: True)
    made = Planner(cache_dir, Tier.LANDLOCK, Python.own(), typescript=deno.Deno(program), has_egress=False)
    job = made.job(setup("", bundle={"digest": "sha256:1", "language": "typescript"}))
    assert made.folders is not None
    assert job.command is not None

    for _ in range(2):
        plan = made.blueprint(TYPESCRIPT, Path("/cache/env"), ())

    copy = str(deno.Deno(program).prelinked(cache_dir).path)
    assert copy != str(program)
    assert plan.executable[0] == copy
    assert (made.folders.of("sha256:1") / "node_modules").readlink() == Path("/cache/env/node_modules")
    arguments = job.command.arguments()
    assert arguments[0] == copy
    assert arguments[-1] == f"{plan.guest}/deno/boot.js"
    assert any(each.endswith(",/cache/env/node_modules") for each in arguments if each.startswith("--allow-read="))
    await made.folders.close()


async def test_python_may_execute_nothing(cache_dir: Path) -> None:
    made = planner(cache_dir, Tier.LANDLOCK)

    assert made.blueprint(PYTHON, None, ()).executable == ()
    assert made.folders is not None
    await made.folders.close()


@pytest.mark.parametrize(("is_open", "languages"), [(True, ("python", "typescript")), (False, ("python",))])
async def test_a_program_that_runs_may_not_start_is_none(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch, *, is_open: bool, languages: tuple[str, ...]
) -> None:
    monkeypatch.setattr(deno.Deno, "is_open", lambda _self: is_open)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    made = planner(cache_dir, Tier.LANDLOCK)

    assert made.languages == languages
    if not is_open:
        with pytest.raises(SandboxUnavailable, match="only their owner may start /opt/somewhere/deno"):
            made.require(TYPESCRIPT)
    assert planner(cache_dir).languages == ("python", "typescript")
    assert made.folders is not None
    await made.folders.close()


@pytest.mark.parametrize("is_possible", [True, False])
async def test_without_a_network_namespace_the_way_out_is_a_broker(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch, *, is_possible: bool
) -> None:
    monkeypatch.setattr(brokering, "is_possible", lambda: is_possible)
    made = planner(cache_dir, Tier.LANDLOCK)
    networked = PYTHON.model_copy(update={"network": "on"})

    assert made.has_network is is_possible
    if is_possible:
        made.require(networked)
        assert made.blueprint(networked, None, ()).broker_filter
    else:
        with pytest.raises(SandboxUnavailable, match="no network"):
            made.require(networked)
    assert not made.blueprint(PYTHON, None, ()).broker_filter
    assert not planner(cache_dir).blueprint(networked, None, ()).broker_filter
    assert made.folders is not None
    await made.folders.close()


async def test_without_walls_there_is_no_filter(cache_dir: Path) -> None:
    made = planner(cache_dir, Tier.NONE)

    assert made.blueprint(PYTHON, None, ()).worker_filter == b""
    assert made.folders is not None
    await made.folders.close()


def test_what_cannot_be_had_here_is_refused(cache_dir: Path) -> None:
    without = Planner(cache_dir, Tier.NAMESPACES, Python.own(), typescript=None, has_egress=False)

    without.require(PYTHON)
    with pytest.raises(SandboxUnavailable, match="not typescript"):
        without.require(TYPESCRIPT)
    with pytest.raises(SandboxUnavailable, match="no network"):
        without.require(PYTHON.model_copy(update={"network": "on"}))


def test_the_way_out_is_in_the_env_of_a_tool_with_network(cache_dir: Path, setup: MakeSetup) -> None:
    made = planner(cache_dir)

    assert b"HTTPS_PROXY" in made.job(setup("", bundle={"network": ("a.example",)})).frames(None)
    assert b"HTTPS_PROXY" not in made.job(setup("")).frames(None)

"""Folders: pushing one, loading many, and that a broken one keeps no other out."""

from pathlib import Path

import pytest

from jinba_mcp.domain.errors import FolderInvalid, OperatorNeeded, ToolCodeInvalid
from jinba_mcp.domain.scopes import Scope
from tests.worlds import World


def write(root: Path, slug: str, code: str = "def run() -> dict: return {}") -> Path:
    tool = root / slug / "tools" / "greet"
    tool.mkdir(parents=True)
    (root / slug / "toolset.yml").write_text("name: Greeting\nmcpEnabled: true\nsandbox: {provider: inprocess}\n")
    (tool / "tool.yml").write_text("name: Greet\n")
    (tool / "main.py").write_text(code)
    return root / slug


async def test_a_folder_becomes_an_active_version(world: World, tmp_path: Path) -> None:
    pushed = await world.core.folders.push(world.operator, "default", write(tmp_path, "greeting-tools"))
    assert (pushed.version.number, pushed.toolset.published_version) == ("1.0.0", "1.0.0")
    assert pushed.toolset.listing.mcp_enabled


async def test_a_broken_folder_keeps_no_other_out(world: World, tmp_path: Path) -> None:
    write(tmp_path, "a-tools", code="def run(:")
    write(tmp_path, "b-tools")
    loaded = await world.core.folders.load(world.operator, "default", tmp_path)
    assert [(item.path.name, item.pushed is not None) for item in loaded] == [("a-tools", False), ("b-tools", True)]
    assert isinstance(loaded[0].problem, ToolCodeInvalid)


async def test_only_the_operator_has_folders(world: World, tmp_path: Path) -> None:
    folder = write(tmp_path, "greeting-tools")
    admin = await world.key(Scope.ADMIN)
    with pytest.raises(OperatorNeeded):
        await world.core.folders.push(admin, "default", folder)
    with pytest.raises(OperatorNeeded):
        await world.core.folders.load(admin, "default", tmp_path)


async def test_a_folder_that_is_not_there_is_said_so(world: World, tmp_path: Path) -> None:
    with pytest.raises(FolderInvalid):
        await world.core.folders.load(world.operator, "default", tmp_path / "nowhere")

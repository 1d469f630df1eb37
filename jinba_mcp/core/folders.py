"""Folders: ToolSets on the operator's disk, read and pushed."""

from dataclasses import dataclass
from pathlib import Path

import anyio

from jinba_mcp.authoring.folder import Folder, find_folders, read_folder
from jinba_mcp.core.toolsets import Source
from jinba_mcp.core.versions import Pushed, Versions
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import JinbaError


@dataclass(frozen=True)
class Loaded:
    """What came of one folder: pushed, or why not."""

    path: Path
    pushed: Pushed | None
    problem: JinbaError | None


class Folders:
    """Only the operator has folders; what comes from one is trusted like the operator."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    async def push(self, caller: Caller, organization: str, path: Path, *, activate: bool = True) -> Pushed:
        """Read one ToolSet folder and make it the active version, if it differs from the latest.

        Raises:
            OperatorNeeded: the caller is a key.
            FolderInvalid: the folder cannot be read.
            ToolCodeInvalid: a tool's code cannot be described.
        """
        caller.require_operator()
        folder = await anyio.to_thread.run_sync(read_folder, path)
        return await self._versions.push(caller, organization, _source(folder), activate=activate)

    async def load(self, caller: Caller, organization: str, root: Path) -> list[Loaded]:
        """Push every ToolSet folder below `root`; one that is broken does not keep the others out.

        Raises:
            OperatorNeeded: the caller is a key.
            FolderInvalid: there is no such folder.
        """
        caller.require_operator()
        loaded = []
        for path in await anyio.to_thread.run_sync(find_folders, root):
            try:
                loaded.append(Loaded(path, await self.push(caller, organization, path), None))
            except JinbaError as error:
                loaded.append(Loaded(path, None, error))
        return loaded


def _source(folder: Folder) -> Source:
    return Source.model_validate(folder.model_dump())

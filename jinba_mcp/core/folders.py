"""Folders: ToolSets on the operator's disk, read and pushed."""

from dataclasses import dataclass
from pathlib import Path

import anyio

from jinba_mcp.authoring.folder import Folder, find_folders, read_folder
from jinba_mcp.authoring.locks import write_lock
from jinba_mcp.core.versions import Pushed, Versions
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.domain.packages import Lock
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.sources import Source
from jinba_mcp.sandbox.engine import Resolver


@dataclass(frozen=True)
class Loaded:
    """What came of one folder: pushed, or why not."""

    path: Path
    pushed: Pushed | None
    problem: JinbaError | None


class Folders:
    """Only the operator has folders; what comes from one is trusted like the operator."""

    def __init__(self, versions: Versions, resolver: Resolver) -> None:
        self._versions = versions
        self._resolver = resolver

    async def push(
        self,
        caller: Caller,
        organization: str,
        path: Path,
        *,
        activate: bool = True,
        report: Reporter | None = None,
    ) -> Pushed:
        """Read one ToolSet folder and make it the active version, if it differs from the latest.

        Raises:
            OperatorNeeded: the caller is a key.
            FolderInvalid: the folder cannot be read.
            ToolCodeInvalid: a tool's code cannot be described.
        """
        caller.require_operator()
        folder = await anyio.to_thread.run_sync(read_folder, path)
        return await self._versions.push(caller, organization, _source(folder), activate=activate, report=report)

    async def lock(self, caller: Caller, path: Path, report: Reporter | None = None) -> Lock | None:
        """Resolve the packages of a ToolSet folder anew and put the lock into it; None when none are installed for it.

        Raises:
            OperatorNeeded: the caller is a key.
            FolderInvalid: the folder cannot be read.
            PackagesUnresolvable, EnvironmentFailed: there is no such set of packages, or not now.
        """
        caller.require_operator()
        source = _source(await anyio.to_thread.run_sync(read_folder, path))
        if not source.needs_environment:
            return None
        lock = await self._resolver.resolve(source.language, source.packages, report)
        await anyio.to_thread.run_sync(write_lock, path, lock)
        return lock

    async def load(
        self, caller: Caller, organization: str, root: Path, *, needing_environment: bool | None = None
    ) -> list[Loaded]:
        """Push every ToolSet folder below `root`; one that is broken does not keep the others out.

        `needing_environment` tells those whose packages may have to be installed first from the others.

        Raises:
            OperatorNeeded: the caller is a key.
            FolderInvalid: there is no such folder.
        """
        caller.require_operator()
        loaded = []
        for path in await anyio.to_thread.run_sync(find_folders, root):
            outcome = await self._loaded(caller, organization, path, needing_environment)
            if outcome is not None:
                loaded.append(outcome)
        return loaded

    async def _loaded(
        self,
        caller: Caller,
        organization: str,
        path: Path,
        needing_environment: bool | None,  # noqa: FBT001  a filter
    ) -> Loaded | None:
        is_asked_for = needing_environment is not True
        try:
            source = _source(await anyio.to_thread.run_sync(read_folder, path))
            is_asked_for = needing_environment in (None, source.needs_environment)
            if is_asked_for:
                return Loaded(path, await self._versions.push(caller, organization, source), None)
        except JinbaError as error:
            if is_asked_for:
                return Loaded(path, None, error)
        return None


def _source(folder: Folder) -> Source:
    return Source.model_validate(folder.model_dump())

"""How walls are built on this machine: what a version's zygote is told, and what its workers' jobs are."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.engine import Bundle, Setup
from jinba_mcp.sandbox.local import brokering, deno, mounts, seccomp
from jinba_mcp.sandbox.local.deno import Deno
from jinba_mcp.sandbox.local.folders import Folders
from jinba_mcp.sandbox.local.jobs import PROXIED, Command, Job
from jinba_mcp.sandbox.local.mounts import Python
from jinba_mcp.sandbox.local.runtime import Runtime, runtime
from jinba_mcp.sandbox.local.seccomp import Purpose
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.local.zygotes import Blueprint

_V8_CODE_BYTES = 512 * 1024 * 1024
_NODE_MODULES = "node_modules"
_OWN_TREE = (Tier.NAMESPACES, Tier.BWRAP)
"""Tiers in which a sandbox has a file tree of its own."""


class Planner:
    """Draws up what one tier needs. Without a `typescript` there is Python only."""

    def __init__(
        self, cache_dir: Path, tier: Tier, python: Python, *, typescript: Deno | None, has_egress: bool
    ) -> None:
        self.tier = tier
        self.folders = None if tier in _OWN_TREE else Folders()
        self._cache_dir = cache_dir
        self._python = python
        self._deno = typescript if typescript is None or self._is_startable(typescript) else None
        self._closed = typescript.path if typescript is not None and self._deno is None else None
        self._has_egress = has_egress and (
            tier is Tier.NAMESPACES or (tier is Tier.LANDLOCK and brokering.is_possible())
        )

    def _is_startable(self, typescript: Deno) -> bool:
        """Whether runs, who may be users of their own, may enter all the folders above it."""
        return self.folders is None or os.geteuid() != 0 or typescript.is_open()

    @property
    def languages(self) -> tuple[Language, ...]:
        return ("python",) if self._deno is None else ("python", "typescript")

    @property
    def has_network(self) -> bool:
        return self._has_egress

    @cached_property
    def _runtime(self) -> Runtime:
        return runtime(self._cache_dir)

    @cached_property
    def _program(self) -> Deno | None:
        """What TypeScript is started from. Not looked for before there is some: that blocks, the first time."""
        if self._deno is None:
            return None
        made = self._deno.prelinked(self._cache_dir)
        return made if self._is_startable(made) else self._deno

    def require(self, bundle: Bundle) -> None:
        """See that a bundle can be run here at all.

        Raises:
            SandboxUnavailable: it asks for a language or a network that there is none of.
        """
        if bundle.language not in self.languages:
            message = f"This server's sandbox runs {' and '.join(self.languages)}, not {bundle.language}."
            if self._closed is not None:
                message += f" Runs are users of their own, and only their owner may start {self._closed}."
            raise SandboxUnavailable(message)
        if bundle.network != "off" and not self._has_egress:
            raise SandboxUnavailable(
                f"The sandbox of this server ({self.tier}) gives tools no network. Set network to off in the ToolSet's "
                "sandbox, or run the server where it can make namespaces, or on Linux 5.19 or newer."
            )

    def job(self, setup: Setup, *, is_described: bool = False) -> Job:
        """The job of a setup."""
        bundle = setup.program.bundle
        return Job(
            setup,
            # What every run has beside these is in the zygote's environment already.
            variables={} if bundle.network == "off" else PROXIED,
            is_described=is_described,
            command=self._command(setup) if bundle.language == "typescript" else None,
        )

    def _command(self, setup: Setup) -> Command | None:
        if self._deno is None:
            return None
        installed, guest = self._deno, f"{self._places(None)[0]}/guest"

        def arguments() -> tuple[str, ...]:
            placed = self._program or installed
            if self.folders is not None:
                placed = placed.in_place(self._node_modules(self.folders, setup.program.bundle))
            return placed.arguments(setup.program, setup.limits, guest)

        return Command(arguments, installed.variables, deno.OWN_THREAD_COUNT, _V8_CODE_BYTES)

    @staticmethod
    def _node_modules(folders: Folders, bundle: Bundle) -> Path:
        """Where a version's packages really are: what they read of their own, they read there."""
        link = folders.of(bundle.digest) / _NODE_MODULES
        return link.readlink() if link.is_symlink() else link

    def blueprint(self, bundle: Bundle, environment: Path | None, modules: Sequence[str]) -> Blueprint:
        """What the bundle's zygote is told.

        Raises:
            OSError: the runtime cannot be written to the cache, or there is no filter for this machine.
        """
        parts, has_network = self._runtime, bundle.network != "off"
        is_python = bundle.language == "python"
        base, packages = self._places(environment if is_python else None)
        if not is_python and self.folders is not None and environment is not None:
            self._link(self.folders.of(bundle.digest) / _NODE_MODULES, environment / _NODE_MODULES)
        return Blueprint(
            tier=self.tier,
            python=self._python.executable,
            base=parts.base,
            root=parts.root,
            shown=self._shown(bundle, environment),
            readable=mounts.readable(self._python, parts, environment),
            writable=[str(self.folders.of(bundle.digest))] if self.folders else [],
            guest=f"{base}/guest",
            paths=(base, packages) if is_python else (base,),
            zygote_filter=self._filter("zygote", has_network=has_network),
            worker_filter=self._filter("python" if is_python else "deno", has_network=has_network),
            is_python=is_python,
            has_network=has_network,
            executable=() if is_python or self.folders is None or self._program is None else self._program.executables,
            broker_filter=brokering.program() if has_network and self.tier is Tier.LANDLOCK else b"",
            preimport=modules if self._may_share(environment) else (),
        )

    def leave(self, digest: str) -> None:
        """No zygote of this version is here any more."""
        if self.folders is not None:
            self.folders.release(digest)

    def _may_share(self, environment: Path | None) -> bool:
        """Whether there is a zygote that may import what strangers wrote: only namespaces hold one that does."""
        return self.tier is Tier.NAMESPACES or (self.tier is not Tier.BWRAP and environment is None)

    @staticmethod
    def _link(link: Path, packages: Path) -> None:
        """Have packages found from the folder of each run, which lies in this one: Node's rules look in all above."""
        with contextlib.suppress(FileExistsError):
            link.symlink_to(packages)

    def _places(self, environment: Path | None) -> tuple[str, str]:
        """Where the runtime's base and the packages are, as the guest sees them."""
        if self.tier in _OWN_TREE:
            return f"{mounts.RUNTIME}/base", mounts.PACKAGES
        return str(self._runtime.base), str(environment or self._runtime.packages)

    def _shown(self, bundle: Bundle, environment: Path | None) -> Mapping[str, str]:
        if self.tier not in _OWN_TREE:
            return {}
        if bundle.language == "typescript" and self._program is not None:
            return mounts.shown(self._python, self._runtime, None) | self._program.shown(environment)
        return mounts.shown(self._python, self._runtime, environment)

    def _filter(self, purpose: Purpose, *, has_network: bool) -> bytes:
        if self.tier is Tier.NONE:
            return b""
        return seccomp.program(purpose, network=has_network, is_private=self.tier in _OWN_TREE)

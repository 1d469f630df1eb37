"""What the rest of the house is handed: locks for publishing, environments for engines."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.tools import Language
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.packages.installers import DEFAULT_MAX_BYTES, Installers, Interpreter

if TYPE_CHECKING:
    from jinba_mcp.sandbox.packages.environments import Environments, Lease


class Packages:
    """Resolves lists into locks, and keeps the environments of the bundles that engines have prepared.

    `cache_dir` may be deleted while the server is down; it fills again. `environ` holds the operator's registries.
    """

    def __init__(
        self,
        cache_dir: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        environ: Mapping[str, str] | None = None,
        python: Interpreter | None = None,
        allow_builds: bool = False,
    ) -> None:
        """With `allow_builds`, Python packages that have no wheel are built from source, behind walls."""
        self._python = python or Interpreter.own()
        outside = os.environ if environ is None else environ
        self._installers = Installers(cache_dir, outside, allow_builds=allow_builds)
        self._cache_dir, self._max_bytes = cache_dir, max_bytes
        self._leases: dict[str, Lease] = {}

    @cached_property
    def _environments(self) -> "Environments":
        # Made when first asked for, since it makes folders, and most commands need none.
        from jinba_mcp.sandbox.packages.environments import Environments  # noqa: PLC0415  nor all that it imports

        return Environments(
            self._cache_dir, installers=self._installers, python=self._python, max_bytes=self._max_bytes
        )

    async def resolve(self, language: Language, packages: tuple[Package, ...], report: Reporter | None = None) -> Lock:
        """The newest versions of `packages` that fit together, locked with hashes.

        Raises:
            PackagesUnresolvable: the list is at fault; `details` name the package where it is known.
            EnvironmentFailed: the registry cannot be used now.
        """
        from jinba_mcp.sandbox.packages import resolving  # noqa: PLC0415  as above, and only at a publication

        return await resolving.resolve(
            language, packages, installers=self._installers, python=self._python, report=report
        )

    async def environment_for(self, bundle: Bundle, report: Reporter | None = None) -> Path | None:
        """The read-only folder of the bundle's packages, built if need be and kept until `release`; None without any.

        Raises:
            EnvironmentFailed: they cannot be installed (now).
        """
        if bundle.lock is None:
            return None
        held = self._leases.get(bundle.digest)
        if held is not None and held.path.exists():
            return held.path
        lease = await self._environments.lease(bundle.lock, report)
        self.release(bundle.digest)
        self._leases[bundle.digest] = lease
        return lease.path

    def release(self, digest: str) -> None:
        """The bundle's environment is not in use any more and may be removed to make room."""
        lease = self._leases.pop(digest, None)
        if lease is not None:
            lease.close()

    async def close(self) -> None:
        """Stop builds that are going on and let go of every environment."""
        if "_environments" in vars(self):
            await self._environments.close()
        for digest in tuple(self._leases):
            self.release(digest)

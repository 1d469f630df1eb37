"""Which engine may run which code."""

import asyncio
from collections.abc import Mapping

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.sandboxes import INPROCESS, LOCAL, Sandbox
from jinba_mcp.domain.toolsets import Origin
from jinba_mcp.sandbox.engine import Capabilities, Engine


class Engines:
    """The engines of this installation by name. Trust is decided here and nowhere else."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = dict(engines)

    def of(self, sandbox: Sandbox, origin: Origin) -> Engine:
        """The engine that the ToolSet asks for; `local` when it does not say.

        Raises:
            SandboxUnavailable: no engine here may run it.
        """
        wished = sandbox.provider or LOCAL
        if wished == INPROCESS and origin is not Origin.OPERATOR:
            raise SandboxUnavailable(
                "Code that came through the API never runs inside the server; ask for the sandbox provider 'local'."
            )
        engine = self._engines.get(wished)
        if engine is None:
            raise SandboxUnavailable(
                f"This server has no sandbox '{wished}' (it has: {', '.join(self.names) or 'none'}), and code is never "
                "run without one."
            )
        return engine

    async def capabilities(self) -> dict[str, Capabilities]:
        """System's own: what each engine can do here, by name."""
        # At once: one that takes its time must not hold up the others.
        found = await asyncio.gather(*(self._engines[name].capabilities() for name in self.names))
        return dict(zip(self.names, found, strict=True))

    @property
    def names(self) -> list[str]:
        return sorted(self._engines)

    async def close(self) -> None:
        for engine in self._engines.values():
            await engine.close()

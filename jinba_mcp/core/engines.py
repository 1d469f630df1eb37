"""Which engine may run which code."""

from collections.abc import Mapping

from jinba_mcp.domain.errors import SandboxUnavailable
from jinba_mcp.domain.toolsets import Origin, Sandbox
from jinba_mcp.sandbox.engine import Engine

INPROCESS = "inprocess"
LOCAL = "local"


class Engines:
    """The engines of this installation by name. Trust is decided here and nowhere else."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._engines = dict(engines)

    def of(self, sandbox: Sandbox, origin: Origin) -> Engine:
        """The engine for code of this origin; the operator's own code runs in process unless it asks otherwise.

        Raises:
            SandboxUnavailable: no engine here may run it.
        """
        wished = sandbox.provider or (INPROCESS if origin is Origin.OPERATOR else LOCAL)
        if wished == INPROCESS and origin is not Origin.OPERATOR:
            raise SandboxUnavailable(
                "Code that came through the API never runs inside the server; ask for the sandbox provider 'local'."
            )
        engine = self._engines.get(wished)
        if engine is None:
            raise SandboxUnavailable(
                f"This server has no sandbox '{wished}', and code is never run without one. "
                "Until it has, the operator can load a ToolSet from a folder of the machine."
            )
        return engine

    @property
    def names(self) -> list[str]:
        return sorted(self._engines)

    async def close(self) -> None:
        for engine in self._engines.values():
            await engine.close()

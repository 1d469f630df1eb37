"""How well a run is walled in, as it is announced and recorded."""

from enum import StrEnum

from jinba_mcp.domain.records import Record


class Level(StrEnum):
    """How much stands between the code and the machine, most first."""

    STRONG = "strong"
    """Own namespaces (or machine), system call filter, no capabilities, limits on everything."""
    CONTAINED = "contained"
    """The same kernel view as the server, with files, signals, sockets and system calls forbidden."""
    WASM = "wasm"
    """A WebAssembly machine inside a process of ours: no way to the system at all, and a reduced Python."""
    NONE = "none"
    """Nothing: the code may do all that the server may."""

    def is_at_least(self, least: "Level") -> bool:
        order = list(Level)
        return order.index(self) <= order.index(least)


class Isolation(Record):
    """What walls a run in: `weaker` names what this tier does not stop, one word each."""

    provider: str
    tier: str
    level: Level
    weaker: tuple[str, ...] = ()

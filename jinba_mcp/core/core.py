"""The core as one object: every service over one store, for the faces to call."""

from dataclasses import dataclass

from jinba_mcp.clock import Clock
from jinba_mcp.core.catalog import Catalog
from jinba_mcp.core.changes import Changes
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.folders import Folders
from jinba_mcp.core.health import Health
from jinba_mcp.core.keys import Keys
from jinba_mcp.core.organizations import Organizations
from jinba_mcp.core.releases import Releases
from jinba_mcp.core.runs import Observer, Runs
from jinba_mcp.core.toolsets import ToolSets
from jinba_mcp.core.versions import Versions
from jinba_mcp.sandbox.engine import Limits
from jinba_mcp.storage.store import Store


@dataclass(frozen=True)
class Core:
    """One service per noun."""

    organizations: Organizations
    keys: Keys
    catalog: Catalog
    toolsets: ToolSets
    versions: Versions
    folders: Folders
    runs: Runs
    changes: Changes
    health: Health


def build(store: Store, engines: Engines, clock: Clock, *, limits: Limits, observe: Observer) -> Core:
    """Wire the services to a store and the engines; nothing is read or written yet."""
    organizations = Organizations(store, clock)
    catalog = Catalog(store, organizations, Releases(store))
    toolsets = ToolSets(store, clock, catalog, engines)
    versions = Versions(store, clock, toolsets)
    return Core(
        organizations=organizations,
        keys=Keys(store, clock),
        catalog=catalog,
        toolsets=toolsets,
        versions=versions,
        folders=Folders(versions),
        runs=Runs(store, clock, catalog, engines, limits=limits, observe=observe),
        changes=Changes(store),
        health=Health(store, engines, clock),
    )

"""A transaction: the repositories, all on one connection."""

from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.keys import KeyRepository
from jinba_mcp.storage.organizations import OrganizationRepository
from jinba_mcp.storage.processes import ProcessIdentity, ProcessRepository
from jinba_mcp.storage.runs import RunRepository
from jinba_mcp.storage.toolsets import ToolSetRepository
from jinba_mcp.storage.users import UserRepository
from jinba_mcp.storage.versions import VersionRepository


class Transaction:
    """What `Store.begin` and `Store.read` give out; of no use after their end."""

    def __init__(self, connection: Connection, me: ProcessIdentity) -> None:
        self._connection = connection
        self.organizations = OrganizationRepository(connection)
        self.users = UserRepository(connection)
        self.keys = KeyRepository(connection)
        self.toolsets = ToolSetRepository(connection)
        self.versions = VersionRepository(connection)
        self.processes = ProcessRepository(connection, me)
        self.runs = RunRepository(connection, self.processes)

    async def touch(self) -> None:
        """Have the generation move with this transaction; whatever changes what may be cached does so itself."""
        await self._connection.touch()

"""A transaction: the repositories, all on one connection."""

from jinba_mcp.storage.audit import AuditRepository
from jinba_mcp.storage.connection import Connection
from jinba_mcp.storage.credits import CreditRepository
from jinba_mcp.storage.deliveries import DeliveryRepository
from jinba_mcp.storage.env import EnvRepository
from jinba_mcp.storage.invitations import InvitationRepository
from jinba_mcp.storage.keys import KeyRepository
from jinba_mcp.storage.members import MemberRepository
from jinba_mcp.storage.organizations import OrganizationRepository
from jinba_mcp.storage.passwords import PasswordRepository
from jinba_mcp.storage.processes import ProcessIdentity, ProcessRepository
from jinba_mcp.storage.repeats import RepeatRepository
from jinba_mcp.storage.retention import RetentionRepository
from jinba_mcp.storage.runs import RunRepository
from jinba_mcp.storage.sessions import SessionRepository
from jinba_mcp.storage.tallies import TallyRepository
from jinba_mcp.storage.toolsets import ToolSetRepository
from jinba_mcp.storage.totp import TotpRepository
from jinba_mcp.storage.users import UserRepository
from jinba_mcp.storage.versions import VersionRepository
from jinba_mcp.storage.webhooks import WebhookRepository
from jinba_mcp.storage.words import WordRepository


class Transaction:
    """What `Store.begin` and `Store.read` give out; of no use after their end."""

    def __init__(self, connection: Connection, me: ProcessIdentity) -> None:
        self._connection = connection
        self.organizations = OrganizationRepository(connection)
        self.users = UserRepository(connection)
        self.members = MemberRepository(connection)
        self.invitations = InvitationRepository(connection)
        self.passwords = PasswordRepository(connection)
        self.totp = TotpRepository(connection)
        self.sessions = SessionRepository(connection)
        self.keys = KeyRepository(connection)
        self.toolsets = ToolSetRepository(connection)
        self.env = EnvRepository(connection)
        self.versions = VersionRepository(connection)
        self.audit = AuditRepository(connection)
        self.processes = ProcessRepository(connection, me)
        self.words = WordRepository(connection)
        self.credits = CreditRepository(connection)
        self.runs = RunRepository(connection, self.processes, self.words, self.credits)
        self.tallies = TallyRepository(connection)
        self.retention = RetentionRepository(connection)
        self.repeats = RepeatRepository(connection)
        self.webhooks = WebhookRepository(connection)
        self.deliveries = DeliveryRepository(connection, self.webhooks)

    async def touch(self) -> None:
        """Have the generation move with this transaction; whatever changes what may be cached does so itself."""
        await self._connection.touch()

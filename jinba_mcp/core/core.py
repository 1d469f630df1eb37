"""The core as one object: every service over one store, for the faces to call."""

from dataclasses import dataclass, field

from jinba_mcp.clock import Clock
from jinba_mcp.core.allowance import Allowance
from jinba_mcp.core.archives import Archives
from jinba_mcp.core.attempts import Attempts
from jinba_mcp.core.audit import AuditLog
from jinba_mcp.core.catalog import Catalog
from jinba_mcp.core.changes import Changes
from jinba_mcp.core.credits import Credits
from jinba_mcp.core.deliveries import Deliveries
from jinba_mcp.core.drafts import Drafts
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.env import Variables
from jinba_mcp.core.execution import Observer
from jinba_mcp.core.filing import Filing
from jinba_mcp.core.folders import Folders
from jinba_mcp.core.health import Health
from jinba_mcp.core.history import History
from jinba_mcp.core.invitations import Invitations
from jinba_mcp.core.keys import Keys
from jinba_mcp.core.letters import Letters
from jinba_mcp.core.limits import Limits
from jinba_mcp.core.members import Members
from jinba_mcp.core.organizations import Organizations
from jinba_mcp.core.passwords import Hasher, Passwords
from jinba_mcp.core.releases import Releases
from jinba_mcp.core.retention import Retentions
from jinba_mcp.core.runs import Runs
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.sessions import Sessions
from jinba_mcp.core.sources import Sources
from jinba_mcp.core.toolsets import ToolSets
from jinba_mcp.core.totp import SecondFactors
from jinba_mcp.core.users import SignUp, Users
from jinba_mcp.core.versions import Versions
from jinba_mcp.core.webhooks import Webhooks
from jinba_mcp.domain.keeping import Keeper, Keeping
from jinba_mcp.domain.limits import Quotas
from jinba_mcp.outbound.mail import Sender
from jinba_mcp.outbound.webhooks import Courier, NoCourier
from jinba_mcp.sandbox.engine import Resolver
from jinba_mcp.storage.counters import MemoryCounters
from jinba_mcp.storage.store import Store


@dataclass(frozen=True)
class Workshop:
    """What tools are run with: engines, packages, secrets and the operator's limits."""

    engines: Engines
    resolver: Resolver
    keyring: Keyring
    allowance: Allowance
    keeper: Keeper = field(default_factory=lambda: Keeper(Keeping()))
    """What of runs goes on record."""


@dataclass(frozen=True)
class Admission:
    """How people get in: how their passwords are hashed, who may sign up, how mail reaches them."""

    hasher: Hasher = field(default_factory=Hasher)
    sign_up: SignUp = SignUp.INVITATION
    sender: Sender | None = None
    base_url: str = "http://localhost:8700"
    """Where clients reach this server, for what is written in mails."""


@dataclass(frozen=True)
class Core:
    """One service per noun."""

    organizations: Organizations
    users: Users
    members: Members
    invitations: Invitations
    passwords: Passwords
    totp: SecondFactors
    sessions: Sessions
    keys: Keys
    catalog: Catalog
    toolsets: ToolSets
    drafts: Drafts
    archives: Archives
    versions: Versions
    folders: Folders
    env: Variables
    limits: Limits
    credits: Credits
    runs: Runs
    history: History
    filing: Filing
    retention: Retentions
    webhooks: Webhooks
    deliveries: Deliveries
    audit: AuditLog
    changes: Changes
    health: Health


def build(  # noqa: PLR0913  everything that the services share
    store: Store,
    clock: Clock,
    workshop: Workshop,
    *,
    observe: Observer,
    admission: Admission | None = None,
    courier: Courier | None = None,
    limits: Limits | None = None,
) -> Core:
    """Wire the services to a store and what runs tools; nothing is read or written yet."""
    engines, allowance = workshop.engines, workshop.allowance
    admission = admission or Admission()
    limits = limits or Limits(MemoryCounters(clock), Quotas())
    attempts, letters = Attempts(clock), Letters(admission.sender, admission.base_url)
    passwords = Passwords(store, clock, admission.hasher, attempts, letters)
    factors = SecondFactors(store, clock, passwords, workshop.keyring)
    users = Users(store, clock, passwords, attempts, letters, admission.sign_up)
    organizations = Organizations(store, clock)
    catalog = Catalog(store, organizations, Releases(store, allowance))
    toolsets = ToolSets(store, clock, catalog)
    drafts = Drafts(store, clock, organizations, Sources(engines, workshop.resolver, allowance=allowance))
    versions = Versions(store, clock, toolsets, drafts, engines)
    courier = courier or NoCourier()
    webhooks = Webhooks(store, clock, workshop.keyring, courier)
    variables = Variables(store, clock, workshop.keyring, others=[factors, webhooks])
    filing = Filing(store, clock)
    return Core(
        organizations=organizations,
        users=users,
        members=Members(store, clock),
        invitations=Invitations(store, clock, users, passwords, letters),
        passwords=passwords,
        totp=factors,
        sessions=Sessions(store, clock, admission.hasher, attempts, factors),
        keys=Keys(store, clock),
        catalog=catalog,
        toolsets=toolsets,
        drafts=drafts,
        archives=Archives(store, drafts, versions, organizations),
        versions=versions,
        folders=Folders(versions, workshop.resolver),
        env=variables,
        limits=limits,
        credits=Credits(store, clock),
        runs=Runs(
            store,
            clock,
            catalog,
            engines,
            variables,
            keeper=workshop.keeper,
            limits=limits,
            observe=observe,
        ),
        history=History(store, clock, filing),
        filing=filing,
        retention=Retentions(store, clock, workshop.keeper.keeping),
        webhooks=webhooks,
        deliveries=Deliveries(store, clock, workshop.keyring, courier),
        audit=AuditLog(store),
        changes=Changes(store),
        health=Health(store, engines, clock),
    )

"""A core on each database, with the real in-process engine and a clock that stands still until it is moved."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jinba_mcp.core import core
from jinba_mcp.core.allowance import Allowance
from jinba_mcp.core.catalog import ToolRef
from jinba_mcp.core.core import Admission, Core, Workshop
from jinba_mcp.core.engines import Engines
from jinba_mcp.core.keys import KeyTerms
from jinba_mcp.core.passwords import Hasher
from jinba_mcp.core.runs import CallContext
from jinba_mcp.core.sealing import Keyring
from jinba_mcp.core.sessions import Credentials, Origin
from jinba_mcp.core.users import NewUser, SignUp
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import FieldsInvalid, OrganizationNotFound, SandboxUnavailable, Unavailable
from jinba_mcp.domain.isolation import Isolation, Level
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.progress import Reporter
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.domain.runs import Run, RunSource
from jinba_mcp.domain.sandboxes import Sandbox
from jinba_mcp.domain.scopes import Role, Scope
from jinba_mcp.domain.sources import Source, SourceTool
from jinba_mcp.domain.tools import Language
from jinba_mcp.domain.toolsets import Listing, Visibility
from jinba_mcp.domain.users import User
from jinba_mcp.outbound.mail import Letter
from jinba_mcp.outbound.webhooks import Parcel, Receipt
from jinba_mcp.sandbox.engine import (
    Bundle,
    Capabilities,
    Engine,
    Limits,
    Outcome,
    OutcomeStatus,
    Program,
    Resolver,
    Setup,
    Signature,
)
from jinba_mcp.sandbox.inprocess import InProcessEngine
from jinba_mcp.storage.store import Store
from tests.databases import run_apart

PASSWORD = "lantern-otter-crossing"
"""Of every user under test."""

GREET = """
def run(name: str) -> dict:
    return {"message": f"Hello, {name}!"}
"""


@dataclass
class StillClock:
    """Time that moves only when told to."""

    now: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class PretendedSender:
    """Keeps letters instead of sending them; refuses them while it is down."""

    is_up: bool = True
    sent: list[Letter] = field(default_factory=list)

    async def send(self, letter: Letter) -> None:
        if not self.is_up:
            raise Unavailable("The mail server is down.")
        self.sent.append(letter)


@dataclass
class PretendedCourier:
    """Keeps parcels instead of sending them; every receiver answers with `receipt`."""

    receipt: Receipt = field(default_factory=lambda: Receipt(status=200, body="thanks"))
    sent: list[Parcel] = field(default_factory=list)

    def check(self, url: str) -> None:
        if not url.startswith("https://"):
            raise FieldsInvalid([{"pointer": "/url", "detail": "must be https"}])

    async def send(self, parcel: Parcel) -> Receipt:
        self.sent.append(parcel)
        return self.receipt


@dataclass
class World:
    """A core with two organizations, and short ways to the callers that tests need."""

    core: Core
    store: Store
    clock: StillClock
    operator: Caller
    observed: list[Run] = field(default_factory=list)
    mail: PretendedSender = field(default_factory=PretendedSender)
    courier: PretendedCourier = field(default_factory=PretendedCourier)

    async def key(self, *scopes: Scope, organization: str = "default", **terms: object) -> Caller:
        """A caller with an organization key of these scopes."""
        owner = await self.core.organizations.operator(organization)
        issued = await self.core.keys.issue(
            owner, organization, KeyTerms.model_validate({"name": "test", "scopes": scopes, **terms})
        )
        return await self.core.keys.authenticate(issued.secret)

    async def invited(self, email: str) -> str:
        """The token of the newest invitation of an address, which is mailed first."""
        while await self.core.invitations.mail_due():
            pass
        letter = next(letter for letter in reversed(self.mail.sent) if letter.to == email)
        return letter.text.partition("/v1/invitations/")[2].partition("\n")[0]

    async def user(self, email: str, role: Role | None = None, organization: str = "default") -> User:
        """A user with the password `PASSWORD`, and with this role in the organization."""
        wanted = NewUser(email=email, name=email.partition("@")[0].title(), password=PASSWORD)
        where = None if role is None else organization
        return await self.core.users.add(self.operator, wanted, where, role)

    async def session(self, email: str) -> Caller:
        """A signed-in user."""
        opened = await self.core.sessions.sign_in(Credentials(email, PASSWORD), Origin("pytest", "127.0.0.1"))
        return await self.core.sessions.authenticate(opened.token)

    async def personal(self, email: str, *scopes: Scope) -> Caller:
        """A caller with a personal key of these scopes."""
        terms = KeyTerms(name="mine", scopes=scopes)
        issued = await self.core.keys.issue_personal(self.operator, terms, email=email)
        return await self.core.keys.authenticate(issued.secret)

    async def publish(self, slug: str = "greeting-tools", organization: str = "default", **tools: str) -> None:
        """Push a ToolSet of these tools (slug=code, `_` for `-`); without any, one called greet."""
        code = {name.replace("_", "-"): text for name, text in tools.items()} or {"greet": GREET}
        source = Source(
            slug=slug,
            tools=tuple(SourceTool(slug=name, code=text) for name, text in code.items()),
            sandbox=Sandbox(provider="inprocess"),
            listing=Listing(visibility=Visibility.PUBLIC, mcp_enabled=True, tags=("demo",)),
        )
        owner = await self.core.organizations.operator(organization)
        await self.core.versions.push(owner, organization, source)

    async def call(self, caller: Caller, path: str = "greeting-tools/greet", /, **arguments: object) -> Run:
        """Call `toolset/tool` of the default organization."""
        toolset, _, tool = path.partition("/")
        ref = ToolRef(organization="default", toolset=toolset, tool=tool)
        return await self.core.runs.call(caller, ref, dict(arguments), CallContext(source=RunSource.REST))  # type: ignore[arg-type]  # any JSON


def an_admission(sender: PretendedSender | None = None, sign_up: SignUp = SignUp.OPEN) -> Admission:
    """How people get in under test: with hashes that cost next to nothing."""
    return Admission(
        hasher=Hasher(memory_kib=64, rounds=1), sign_up=sign_up, sender=sender, base_url="http://localhost"
    )


class PretendedResolver:
    """Locks whatever is asked for, without asking anybody; `asked` counts how often."""

    def __init__(self) -> None:
        self.asked: list[tuple[Package, ...]] = []

    async def resolve(self, language: Language, packages: tuple[Package, ...], report: Reporter | None = None) -> Lock:
        self.asked.append(packages)
        if report is not None:
            report(1, 1, "resolved")
        return Lock(kind=language, packages=packages, text="".join(f"{package.name}\n" for package in packages))


@dataclass
class PretendedSandbox:
    """Stands for the engine `local` where what matters is what the core asks of it; down until it is said to be up."""

    name: str = "local"
    is_up: bool = False
    outcome: Outcome = field(default_factory=lambda: Outcome(status=OutcomeStatus.SUCCESS, output={}))
    prepared: list[Bundle] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    described: list[str] = field(default_factory=list)
    setups: list[Setup] = field(default_factory=list)
    asked: list[JsonObject] = field(default_factory=list)

    async def capabilities(self) -> Capabilities:
        walls = Isolation(provider="local", tier="pretended", level=Level.NONE)
        return Capabilities(languages=("python",), isolation=walls, problem=None if self.is_up else "it is down")

    async def prepare(self, bundle: Bundle, report: Reporter | None = None) -> None:
        self._require_up()
        self.prepared.append(bundle)
        if report is not None:
            report(1, 1, "prepared")

    async def describe(self, program: Program, limits: Limits) -> Signature:
        self._require_up()
        self.described.append(program.tool)
        schema: JsonObject = {"type": "object", "description": f"{program.tool}, {limits.timeout_s:g} s"}
        return Signature(input_schema=schema, output_schema=None, description="")

    async def arm(self, setup: Setup) -> None: ...

    async def run(self, setup: Setup, arguments: JsonObject, report: Reporter | None = None) -> Outcome:
        self._require_up()
        self.setups.append(setup)
        self.asked.append(arguments)
        if report is not None:
            report(1, 1, "running")
        return self.outcome

    async def discard(self, digest: str) -> None:
        self.discarded.append(digest)

    async def close(self) -> None: ...

    def _require_up(self) -> None:
        if not self.is_up:
            raise SandboxUnavailable("The sandbox is down.")


def a_workshop(resolver: Resolver, keyring: Keyring, *engines: Engine) -> Workshop:
    """What a core under test runs tools with: a minute for each run."""
    by_name = {engine.name: engine for engine in engines}
    return Workshop(Engines(by_name), resolver, keyring, Allowance(defaults=Limits(timeout_s=60)))


@pytest.fixture
def resolver() -> PretendedResolver:
    return PretendedResolver()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "keyring" / "secret.key")


@pytest.fixture
def sandbox() -> PretendedSandbox:
    return PretendedSandbox()


@asynccontextmanager
async def a_world(store: Store, resolver: Resolver, keyring: Keyring, *engines: Engine) -> AsyncIterator[World]:
    """A world on a migrated database, which gets its two organizations unless they are there."""
    clock = StillClock()
    engine = InProcessEngine(max_threads=8)
    observed: list[Run] = []
    mail, courier = PretendedSender(), PretendedCourier()
    built = core.build(
        store,
        clock,
        a_workshop(resolver, keyring, engine, *engines),
        observe=observed.append,
        admission=an_admission(mail),
        courier=courier,
    )
    default = await built.organizations.ensure_default()
    operator = await built.organizations.operator(default.slug)
    try:
        await built.organizations.resolve("other")
    except OrganizationNotFound:
        await built.organizations.create(operator, "other", "Other")
    try:
        yield World(built, store, clock, operator, observed, mail, courier)
    finally:
        await engine.close()


@pytest.fixture(scope="session")
def sqlite_file_of_a_world(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has the organizations of a world, to be copied: faster than making them for every test."""

    async def people(path: Path) -> None:
        store = await Store.open(f"sqlite:///{path}")
        try:
            async with a_world(store, PretendedResolver(), Keyring(path.with_name("secret.key"))):
                pass
        finally:
            await store.close()

    path = Path(shutil.copyfile(migrated_sqlite_file, tmp_path_factory.mktemp("world") / "jinba.db"))
    run_apart(people(path))
    return path


@pytest.fixture
async def world(
    store: Store, resolver: PretendedResolver, keyring: Keyring, sandbox: PretendedSandbox
) -> AsyncIterator[World]:
    async with a_world(store, resolver, keyring, sandbox) as built:
        yield built


@pytest.fixture
def make_source() -> Callable[..., Source]:
    def make(slug: str = "greeting-tools", code: str = GREET, **fields: object) -> Source:
        tools = (SourceTool(slug="greet", code=code),)
        sandbox = {"provider": "inprocess"}
        return Source.model_validate({"slug": slug, "tools": tools, "sandbox": sandbox, **fields})

    return make

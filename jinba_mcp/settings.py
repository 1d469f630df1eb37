"""Settings from `JINBA_*` environment variables: frozen, read once at the root, with a mistyped name refused."""

import contextlib
import difflib
import json
import os
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic.functional_validators import BeforeValidator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "JINBA_"
CLIENT_VARIABLES = frozenset({"JINBA_API_KEY", "JINBA_URL", "JINBA_AUTHORIZATION"})
"""Read by the commands that talk to a server, not by the server."""
TEST_PREFIX = "JINBA_TEST_"


def _listed(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _json_listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(value or "[]")
        if isinstance(found, list):
            return found
    raise ValueError('must be a JSON list of strings, such as ["sk-[a-z]+"]')


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_listed)]
Patterns = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_json_listed)]

Count = Annotated[int, Field(ge=0, le=100_000)]


class UnknownSetting(ValueError):
    """A `JINBA_*` variable that is no setting; the message suggests the nearest one."""


class Settings(BaseSettings):
    """Everything an operator may set. Lists are comma-separated.

    The sentence below each field is for README, which a test holds against it. pydantic is not told to read them: that
    takes longer than all else at the start of a command.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Path(platformdirs.user_data_dir("jinba-mcp", appauthor=False))
    """Where the embedded database lives; made with mode 0700."""
    database_url: SecretStr | None = None
    """`postgresql://user:password@host/name` for many processes; without it SQLite in the data directory."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8700
    """Port to listen on; 0 takes a free one."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """How many processes serve, each with sandboxed processes of its own; one for each core is a good start."""
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    """The URL that clients use, when it is not the address listened on (behind a proxy)."""
    allowed_hosts: Names = ()
    """Further Host names to answer to, beside localhost, the address listened on and the public URL; `*` for all."""
    allowed_origins: Names = ()
    """Further web origins whose pages may call, beside localhost and the public URL."""
    trusted_proxies: Names = ("127.0.0.1",)
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    toolsets_dirs: Paths = ()
    """Folders of ToolSets to load at boot, instead of the shipped ones."""
    load_toolsets: bool = True
    """Whether folders are loaded at boot at all."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=256 * 1024 * 1024)] = 4 * 1024 * 1024
    """Largest request body."""
    run_timeout_s: Annotated[float, Field(gt=0, le=900)] = 30.0
    """How long a run may take when its ToolSet does not say."""
    run_output_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    """Largest output of a run, as JSON."""
    run_memory_mb: Annotated[int, Field(ge=16, le=16_384)] = 512
    """Memory of a run when its ToolSet does not say."""
    run_log_bytes: Annotated[int, Field(ge=0, le=16 * 1024 * 1024)] = 256 * 1024
    """How much of a run's standard output and of its standard error is kept, each."""
    max_timeout_s: Annotated[float, Field(gt=0, le=900)] = 900.0
    """The longest a ToolSet may let its runs take."""
    max_memory_mb: Annotated[int, Field(ge=16, le=16_384)] = 2_048
    """The most memory a ToolSet may ask for a run."""
    max_tmp_mb: Annotated[int, Field(ge=1, le=4_096)] = 1_024
    """The most room in /tmp a ToolSet may ask for a run."""
    sandbox: Literal["auto", "namespaces", "bwrap", "landlock", "wasm", "unsafe"] = "auto"
    """Which tier of the sandbox `local` to use; auto tries them from the strongest, unsafe is none at all."""
    sandbox_min: Literal["strong", "contained", "wasm"] | None = None
    """The least isolation to run code in; with less, runs are refused."""
    sandbox_providers: Names = ()
    """Further sandboxes that ToolSets may ask for: docker, e2b, daytona."""
    docker_image: str | None = None
    """The image of docker's sandboxes, with the server's version of Python and pip; without it the official one."""
    docker_runtime: str | None = None
    """The runtime of docker's sandboxes, such as runsc (gVisor); without it the daemon's own."""
    docker_network: str | None = None
    """A Docker network that reaches public addresses and no others; without it docker's sandboxes have no network."""
    sandbox_workers: Annotated[int, Field(ge=1, le=4_096)] = 64
    """How many sandboxed processes there may be at once, spares included."""
    sandbox_spares: Annotated[int, Field(ge=0, le=256)] = 4
    """How many processes stand ready for a tool that is in use."""
    sandbox_private_hosts: Names = ()
    """Hosts that tools may call although their address is private, where their ToolSet lists them."""
    webhook_private_hosts: Names = ()
    """Hosts that webhooks may call although their address is private, and without TLS, such as 10.0.0.8:8080."""
    allow_builds: bool = False
    """Whether Python packages without wheels may be built from source, behind walls and without a network."""
    cache_dir: Path | None = None
    """Where installed packages are kept; without it `cache` in the data directory."""
    secret_key: SecretStr | None = None
    """Key that seals secrets: 32 bytes in base64, older keys after commas; without it a file in the data directory."""
    sign_up: Literal["open", "invitation", "off"] = "invitation"
    """Who may make an account: anyone (open), whoever is invited, or nobody, so that the operator makes them (off)."""
    smtp_host: str | None = None
    """The server that mail goes through (set JINBA_PUBLIC_URL too); without it invitations are handed over as links."""
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Port of the mail server."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the way to the mail server is protected: TLS after a plain start (587), from the start (465), or not."""
    smtp_user: str | None = None
    """Whom to log in to the mail server as."""
    smtp_password: SecretStr | None = None
    """Password for the mail server."""
    smtp_from: str = "jinba@localhost"
    """The address that mail comes from."""
    inprocess_threads: Annotated[int, Field(ge=1, le=1024)] = 64
    """How many runs the in-process engine takes at once."""
    run_retention_days: Annotated[int, Field(ge=0, le=36_500)] = 90
    """How long records of runs are kept at most; 0 keeps them for ever."""
    run_retention_count: Annotated[int, Field(ge=0, le=1_000_000_000)] = 1_000_000
    """How many records of runs are kept of each organization at most; 0 keeps all."""
    stored_input_bytes: Annotated[int, Field(ge=0, le=16 * 1024 * 1024)] = 256 * 1024
    """How much of a run's input is kept on record, about; the tool gets all of it."""
    stored_output_bytes: Annotated[int, Field(ge=0, le=64 * 1024 * 1024)] = 256 * 1024
    """How much of a run's output, and of its content blocks, is kept on record, about; the caller gets all of it."""
    stored_log_bytes: Annotated[int, Field(ge=0, le=16 * 1024 * 1024)] = 256 * 1024
    """How much of a run's standard output and of its standard error is kept on record, each."""
    redact_patterns: Patterns = ()
    """What to write `***` over in all that is kept of runs: a JSON list of regular expressions in RE2's syntax."""
    key_requests_per_minute: Count = 0
    """How many requests a key or a session may make in any minute, unless the key has a `rateLimit`; 0 is no limit."""
    key_requests_per_day: Count = 0
    """How many requests a key, or a session, may make in a day, which begins with the first; 0 is no limit."""
    key_runs_at_once: Count = 0
    """How many runs a key may have in flight at once; 0 is no limit."""
    organization_requests_per_minute: Count = 0
    """How many requests an organization's keys and members may make in any minute, together; 0 is no limit."""
    organization_requests_per_day: Count = 0
    """How many requests an organization's keys and members may make in a day, together; 0 is no limit."""
    organization_runs_at_once: Count = 0
    """How many runs an organization may have in flight at once; 0 is no limit."""
    tool_runs_per_minute: Count = 0
    """How often a tool may be run in any minute, by all together; 0 is no limit."""
    tool_runs_per_day: Count = 0
    """How often a tool may be run in a day, by all together; 0 is no limit."""
    tool_runs_at_once: Count = 0
    """How many runs of a tool may be in flight at once; 0 is no limit."""
    address_requests_per_minute: Count = 600
    """How many requests without a key, or with a wrong one, an address may make in any minute; 0 is no limit."""
    limits_url: SecretStr | None = None
    """`redis://host:port`, where several processes count together; without it each counts what it sees itself."""
    limits_fail: Literal["closed", "open"] = "closed"
    """While JINBA_LIMITS_URL does not answer: let no limited request in (closed, 503), or every one (open)."""
    shutdown_grace_s: Annotated[float, Field(ge=0, le=300)] = 10.0
    """How long runs in flight may go on at shutdown before they are cancelled."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged: debug, info, warning or error."""
    log_format: Literal["text", "json"] = "text"
    """Log lines for people (text) or for machines (json)."""

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys that seal secrets, the newest first; empty when they are in a file."""
        given = "" if self.secret_key is None else self.secret_key.get_secret_value()
        return tuple(part.strip() for part in given.split(",") if part.strip())

    @property
    def cache(self) -> Path:
        """The directory for what can be made again."""
        return (self.cache_dir or self.data_dir / "cache").expanduser().absolute()

    @property
    def database(self) -> str:
        """The database to open; may carry a password, so never print it."""
        if self.database_url is not None and self.database_url.get_secret_value():
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.expanduser().absolute() / 'jinba.db'}"


def read() -> Settings:
    """The settings of this environment.

    Raises:
        UnknownSetting: a `JINBA_*` variable that nothing reads.
        pydantic.ValidationError: a value that cannot be used.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in known or name in CLIENT_VARIABLES or name.startswith(TEST_PREFIX):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        raise UnknownSetting(f"{name} is not a setting.{f' Did you mean {near[0]}?' if near else ''}")
    return Settings()

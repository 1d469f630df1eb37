"""Settings from `JINBA_*` environment variables: frozen, read once at the root, with a mistyped name refused."""

import difflib
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


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_listed)]


class UnknownSetting(ValueError):
    """A `JINBA_*` variable that is no setting; the message suggests the nearest one."""


class Settings(BaseSettings):
    """Everything an operator may set. Lists are comma-separated."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True)

    data_dir: Path = Path(platformdirs.user_data_dir("jinba-mcp", appauthor=False))
    """Where the embedded database lives; made with mode 0700."""
    database_url: SecretStr | None = None
    """`postgresql://user:password@host/name` for many processes; without it SQLite in the data directory."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8700
    """Port to listen on; 0 takes a free one."""
    public_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    """The URL that clients use, when it is not the address listened on (behind a proxy)."""
    allowed_hosts: Names = ()
    """Further Host names to answer to, beside localhost, the address listened on and the public URL; `*` for all."""
    allowed_origins: Names = ()
    """Further web origins whose pages may call, beside localhost and the public URL."""
    trusted_proxies: Names = ("127.0.0.1",)
    """Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    toolsets_dirs: Paths = ()
    """Folders of ToolSets to load at boot, instead of the shipped ones; their code runs in process."""
    load_toolsets: bool = True
    """Whether folders are loaded at boot at all."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=256 * 1024 * 1024)] = 4 * 1024 * 1024
    """Largest request body."""
    run_timeout_s: Annotated[float, Field(gt=0, le=900)] = 30.0
    """How long a run may take when its ToolSet does not say."""
    run_output_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    """Largest output of a run, as JSON."""
    run_log_bytes: Annotated[int, Field(ge=0, le=16 * 1024 * 1024)] = 256 * 1024
    """How much of a run's standard output and of its standard error is kept, each."""
    inprocess_threads: Annotated[int, Field(ge=1, le=1024)] = 64
    """How many runs the in-process engine takes at once."""
    shutdown_grace_s: Annotated[float, Field(ge=0, le=300)] = 10.0
    """How long runs in flight may go on at shutdown before they are cancelled."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged: debug, info, warning or error."""
    log_format: Literal["text", "json"] = "text"
    """Log lines for people (text) or for machines (json)."""

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

"""The schema: which revision a database is at, and the way to the newest, with no alembic.ini anywhere."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from jinba_mcp.domain.errors import Unavailable

MIGRATIONS = Path(__file__).with_name("migrations")


def configuration() -> Config:
    """What Alembic needs to know, for its commands as well as for ours."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@cache
def head_revision() -> str:
    """The newest revision that this version of the program knows."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    assert head is not None  # noqa: S101  the first migration ships with the program
    return head


def current_revision(connection: Connection) -> str | None:
    """The revision that the database is at; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> None:
    """Bring the schema to the newest revision within the transaction on `connection`; nothing to do is fine.

    Raises:
        Unavailable: a newer program has been at this database.
    """
    known = {revision.revision for revision in ScriptDirectory.from_config(configuration()).walk_revisions()}
    if (current := current_revision(connection)) is not None and current not in known:
        raise Unavailable(f"The database is at revision {current}, which is newer than this program. Update jinba-mcp.")
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""The way to the newest schema: Alembic, with no alembic.ini anywhere; imported for an upgrade only."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from jinba_mcp.domain.errors import Unavailable
from jinba_mcp.storage import schema


def configuration() -> Config:
    """What Alembic needs to know, for its commands as well as for ours."""
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS).replace("%", "%%"))
    return config


def upgrade(connection: Connection) -> None:
    """Bring the schema to the newest revision within the transaction on `connection`; nothing to do is fine.

    Raises:
        Unavailable: a newer program has been at this database.
    """
    config = configuration()
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if (current := schema.current_revision(connection)) is not None and current not in known:
        raise Unavailable(f"The database is at revision {current}, which is newer than this program. Update jinba-mcp.")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

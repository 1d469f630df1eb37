"""How Alembic runs our migrations: on the connection that it is handed, within that connection's transaction."""

from alembic import context

import jinba_mcp.storage.store  # noqa: F401  every table is known once the store is
from jinba_mcp.storage.tables import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()

"""The sandbox: environment variables, and what walled each run in."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    op.add_column("run", sa.Column("isolation", sa.Text(), nullable=True))
    op.create_table(
        "env",
        sa.Column("toolset_id", WORD, nullable=False),
        sa.Column("key", WORD, nullable=False),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("sealed", sa.String(), nullable=True),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["toolset_id"], ["toolset.id"], name="fk_env_toolset_id_toolset"),
        sa.PrimaryKeyConstraint("toolset_id", "key", name="pk_env"),
    )

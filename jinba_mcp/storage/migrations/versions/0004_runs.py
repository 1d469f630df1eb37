"""What runs are found, repeated and kept by."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    op.add_column("run", sa.Column("replay_of", WORD, nullable=True))
    op.add_column("run", sa.Column("truncated", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("redacted", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("cancel_requested_at", INSTANT, nullable=True))
    op.create_table(
        "run_claim",
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("key_digest", WORD, nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("run_id", WORD, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key_digest", name="pk_run_claim"),
    )
    op.create_index("ix_run_claim_created_at", "run_claim", ["created_at"], unique=False)
    op.create_table(
        "run_ended",
        sa.Column("run_id", WORD, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_ended"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_word",
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("word", WORD, nullable=False),
        sa.Column("run_id", WORD, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "word", "run_id", name="pk_run_word"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_tally",
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("hour", WORD, nullable=False),
        sa.Column("toolset_slug", WORD, nullable=False),
        sa.Column("tool_slug", WORD, nullable=False),
        sa.Column("version", WORD, nullable=False),
        sa.Column("duration_class", sa.Integer(), nullable=False),
        sa.Column("run_count", sa.Integer(), nullable=False),
        sa.Column("failed_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "hour", "toolset_slug", "tool_slug", "version", "duration_class", name="pk_run_tally"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_run_tally_hour", "run_tally", ["hour"], unique=False)

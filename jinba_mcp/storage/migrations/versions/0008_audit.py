"""The audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", WORD, nullable=False),
        sa.Column("chain", WORD, nullable=False),
        sa.Column("organization_id", WORD, nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("actor", WORD, nullable=False),
        sa.Column("user_id", WORD, nullable=True),
        sa.Column("key_id", WORD, nullable=True),
        sa.Column("key_name", sa.String(), nullable=True),
        sa.Column("key_prefix", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("action", WORD, nullable=False),
        sa.Column("target", WORD, nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("previous_digest", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_chain_sequence", "audit", ["chain", "sequence"], unique=True)
    for column in ("action", "target", "user_id", "key_id"):
        op.create_index(f"ix_audit_chain_{column}_sequence", "audit", ["chain", column, "sequence"])
    op.create_table(
        "audit_head",
        sa.Column("chain", WORD, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name="pk_audit_head"),
    )

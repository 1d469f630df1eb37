"""Removals that go on after the organization is gone, mail of invitations, and accounts that wait for confirmation."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    op.create_table(
        "removal",
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("removed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_removal"),
    )
    op.create_index("ix_delivery_organization_id", "delivery", ["organization_id"], unique=False)
    op.add_column("invitation", sa.Column("mail", sa.String(), nullable=True))
    op.add_column("invitation", sa.Column("mail_error", sa.String(), nullable=True))
    op.add_column("invitation", sa.Column("mail_due_at", INSTANT, nullable=True))
    op.create_table(
        "pending_account",
        sa.Column("digest", WORD, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_folded", WORD, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_pending_account"),
    )
    op.create_index("ix_pending_account_email_folded", "pending_account", ["email_folded"], unique=False)
    op.create_index("ix_pending_account_expires_at", "pending_account", ["expires_at"], unique=False)

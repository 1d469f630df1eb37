"""Webhooks and their deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", WORD, nullable=False),
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("disabled_at", INSTANT, nullable=True),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_webhook_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
    )
    op.create_index("ix_webhook_organization_id_id", "webhook", ["organization_id", "id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", WORD, nullable=False),
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("webhook_id", WORD, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("last_attempt", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
    )
    op.create_index("ix_delivery_webhook_id_id", "delivery", ["webhook_id", "id"], unique=False)
    is_pending = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["webhook_id", "due_at"],
        unique=False,
        sqlite_where=is_pending,
        postgresql_where=is_pending,
    )

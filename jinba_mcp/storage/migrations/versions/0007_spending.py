"""Limits of keys, and credits."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    op.add_column("key", sa.Column("rate_limit", sa.Integer(), nullable=True))
    op.create_table(
        "credit_account",
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_credit_account_organization_id"),
        sa.PrimaryKeyConstraint("organization_id", name="pk_credit_account"),
    )
    op.create_table(
        "credit_transaction",
        sa.Column("id", WORD, nullable=False),
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.Column("run_id", WORD, nullable=True),
        sa.Column("reference", WORD, nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_credit_transaction_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_credit_transaction"),
    )
    op.create_index("ix_credit_transaction_organization_id_id", "credit_transaction", ["organization_id", "id"])
    op.create_index(
        "ix_credit_transaction_organization_id_reference",
        "credit_transaction",
        ["organization_id", "reference"],
        unique=True,
    )
    op.create_index("ix_credit_transaction_run_id_kind", "credit_transaction", ["run_id", "kind"], unique=True)

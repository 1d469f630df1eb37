"""People: passwords, second factors, sessions, invitations, and the slugs that organizations had before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    op.add_column("user", sa.Column("verified_at", INSTANT, nullable=True))
    is_owner = sa.text("role = 'owner'")
    op.create_index(
        "uq_membership_owner",
        "membership",
        ["organization_id"],
        unique=True,
        sqlite_where=is_owner,
        postgresql_where=is_owner,
    )
    op.create_table(
        "former_slug",
        sa.Column("slug", WORD, nullable=False),
        sa.Column("organization_id", WORD, nullable=True),
        sa.PrimaryKeyConstraint("slug", name="pk_former_slug"),
    )
    op.create_index("ix_former_slug_organization_id", "former_slug", ["organization_id"], unique=False)
    op.create_table(
        "password",
        sa.Column("user_id", WORD, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_password_user_id"),
        sa.PrimaryKeyConstraint("user_id", name="pk_password"),
    )
    op.create_table(
        "password_reset",
        sa.Column("digest", WORD, nullable=False),
        sa.Column("user_id", WORD, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_password_reset_user_id"),
        sa.PrimaryKeyConstraint("digest", name="pk_password_reset"),
    )
    op.create_index("ix_password_reset_user_id", "password_reset", ["user_id"], unique=False)
    op.create_table(
        "totp",
        sa.Column("user_id", WORD, nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("last_counter", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_totp_user_id"),
        sa.PrimaryKeyConstraint("user_id", name="pk_totp"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("user_id", WORD, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_recovery_code_user_id"),
        sa.PrimaryKeyConstraint("user_id", "digest", name="pk_recovery_code"),
    )
    op.create_table(
        "session",
        sa.Column("id", WORD, nullable=False),
        sa.Column("user_id", WORD, nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_session_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("digest", name="uq_session_digest"),
    )
    op.create_index("ix_session_user_id", "session", ["user_id", "id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("id", WORD, nullable=False),
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_folded", WORD, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.Column("invited_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_invitation_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
        sa.UniqueConstraint("digest", name="uq_invitation_digest"),
    )
    op.create_index("uq_invitation_email", "invitation", ["organization_id", "email_folded"], unique=True)

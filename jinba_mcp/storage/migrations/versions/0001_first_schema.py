"""The first schema: organizations, users, keys, ToolSets, versions, runs, and what the storage keeps for itself."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def upgrade() -> None:
    op.create_table(
        "generation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_generation"),
    )
    op.create_table(
        "organization",
        sa.Column("id", WORD, nullable=False),
        sa.Column("slug", WORD, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organization"),
        sa.UniqueConstraint("slug", name="uq_organization_slug"),
    )
    op.create_table(
        "process",
        sa.Column("id", WORD, nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.String(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("heartbeat_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_process"),
    )
    op.create_table(
        "run",
        sa.Column("id", WORD, nullable=False),
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("toolset_slug", WORD, nullable=False),
        sa.Column("tool_slug", WORD, nullable=False),
        sa.Column("version_id", WORD, nullable=False),
        sa.Column("version", WORD, nullable=False),
        sa.Column("version_digest", sa.String(), nullable=False),
        sa.Column("source", WORD, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("output", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("logs", sa.Text(), nullable=False),
        sa.Column("key_id", WORD, nullable=True),
        sa.Column("key_name", sa.String(), nullable=True),
        sa.Column("key_prefix", sa.String(), nullable=True),
        sa.Column("user_id", WORD, nullable=True),
        sa.Column("client", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("process_id", WORD, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_key", "run", ["organization_id", "key_id", "id"], unique=False)
    op.create_index("ix_run_organization", "run", ["organization_id", "id"], unique=False)
    op.create_index("ix_run_source", "run", ["organization_id", "source", "id"], unique=False)
    op.create_index("ix_run_status", "run", ["organization_id", "status", "id"], unique=False)
    op.create_index("ix_run_tool", "run", ["organization_id", "tool_slug", "id"], unique=False)
    op.create_index("ix_run_toolset", "run", ["organization_id", "toolset_slug", "tool_slug", "id"], unique=False)
    op.create_index(
        "ix_run_unfinished",
        "run",
        ["process_id"],
        unique=False,
        sqlite_where=sa.text("status IN ('pending', 'running')"),
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.create_index("ix_run_version", "run", ["organization_id", "version", "id"], unique=False)
    op.create_table(
        "user",
        sa.Column("id", WORD, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("email_folded", WORD, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user"),
        sa.UniqueConstraint("email_folded", name="uq_user_email_folded"),
    )
    op.create_table(
        "key",
        sa.Column("id", WORD, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("organization_id", WORD, nullable=True),
        sa.Column("user_id", WORD, nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("toolsets", sa.Text(), nullable=True),
        sa.Column("tools", sa.Text(), nullable=True),
        sa.Column("allowed_ips", sa.Text(), nullable=True),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_key_organization_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_key_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_key"),
    )
    op.create_index("ix_key_organization", "key", ["organization_id", "id"], unique=False)
    op.create_index("ix_key_user", "key", ["user_id", "id"], unique=False)
    op.create_table(
        "membership",
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("user_id", WORD, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_membership_organization_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_membership_user_id"),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name="pk_membership"),
    )
    op.create_index("ix_membership_user_id", "membership", ["user_id"], unique=False)
    op.create_table(
        "toolset",
        sa.Column("id", WORD, nullable=False),
        sa.Column("organization_id", WORD, nullable=False),
        sa.Column("slug", WORD, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("listing", sa.Text(), nullable=False),
        sa.Column("published_version_id", WORD, nullable=True),
        sa.Column("published_version", sa.String(), nullable=True),
        sa.Column("latest_version", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("visibility", WORD, nullable=False),
        sa.Column("mcp_enabled", sa.Boolean(), nullable=False),
        sa.Column("search_text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_toolset_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_toolset"),
    )
    op.create_index("ix_toolset_visibility", "toolset", ["visibility", "organization_id", "slug"], unique=False)
    op.create_index("uq_toolset_organization_slug", "toolset", ["organization_id", "slug"], unique=True)
    op.create_table(
        "draft",
        sa.Column("toolset_id", WORD, nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("source_digest", sa.String(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["toolset_id"], ["toolset.id"], name="fk_draft_toolset_id"),
        sa.PrimaryKeyConstraint("toolset_id", name="pk_draft"),
    )
    op.create_table(
        "key_digest",
        sa.Column("digest", WORD, nullable=False),
        sa.Column("key_id", WORD, nullable=False),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["key.id"], name="fk_key_digest_key_id"),
        sa.PrimaryKeyConstraint("digest", name="pk_key_digest"),
    )
    op.create_index("ix_key_digest_key_id", "key_digest", ["key_id"], unique=False)
    op.create_index(
        "uq_key_digest_current",
        "key_digest",
        ["key_id"],
        unique=True,
        sqlite_where=sa.text("valid_until IS NULL"),
        postgresql_where=sa.text("valid_until IS NULL"),
    )
    op.create_table(
        "toolset_tag",
        sa.Column("toolset_id", WORD, nullable=False),
        sa.Column("tag", WORD, nullable=False),
        sa.ForeignKeyConstraint(["toolset_id"], ["toolset.id"], name="fk_toolset_tag_toolset_id"),
        sa.PrimaryKeyConstraint("toolset_id", "tag", name="pk_toolset_tag"),
    )
    op.create_index("ix_toolset_tag_tag", "toolset_tag", ["tag"], unique=False)
    op.create_table(
        "version",
        sa.Column("id", WORD, nullable=False),
        sa.Column("toolset_id", WORD, nullable=False),
        sa.Column("number", WORD, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("release_notes", sa.String(), nullable=False),
        sa.Column("published_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("deprecated_at", INSTANT, nullable=True),
        sa.Column("yanked_at", INSTANT, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["toolset_id"], ["toolset.id"], name="fk_version_toolset_id"),
        sa.PrimaryKeyConstraint("id", name="pk_version"),
    )
    op.create_index("uq_version_toolset_number", "version", ["toolset_id", "number"], unique=True)
    op.create_index("uq_version_toolset_position", "version", ["toolset_id", "position"], unique=True)
    op.execute("INSERT INTO generation (id, value) VALUES (1, 0)")

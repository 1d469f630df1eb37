"""Authoring by API: what of a draft was read from its code, and why a version was deprecated or yanked."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("draft", sa.Column("derived", sa.Text(), nullable=True))
    op.add_column("version", sa.Column("deprecation_message", sa.String(), nullable=True))
    op.add_column("version", sa.Column("yank_reason", sa.String(), nullable=True))

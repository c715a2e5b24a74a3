"""Drafts whose time was over keep nothing of what their owners wrote"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_order_line_job_id"), "order_line", ["job_id"])
    draft = sa.table("draft", sa.column("version"), sa.column("options", sa.JSON(none_as_null=True)))
    op.get_bind().execute(sa.update(draft).where(draft.c.version == 0).values(options={}))

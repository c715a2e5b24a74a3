"""Drafts whose time was over keep nothing of what their owners wrote"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_order_line_job_id"), "order_line", ["job_id"])
    json = sa.JSON(none_as_null=True)
    draft = sa.table("draft", sa.column("id"), sa.column("version"), sa.column("options", json))
    job = sa.table(
        "job", sa.column("id"), sa.column("draft_id"), sa.column("options", json), sa.column("inputs", json),
        sa.column("error_text"),
    )  # fmt: skip
    output = sa.table("job_output", sa.column("job_id"), sa.column("facts", json))
    line = sa.table("order_line", sa.column("job_id"), sa.column("order_id"))
    order = sa.table("order", sa.column("id"), sa.column("erased_at"))
    # What an order was made from, it may have to be made from again.
    is_ordered = sa.exists().where(
        line.c.job_id == job.c.id, order.c.id == line.c.order_id, order.c.erased_at.is_(None)
    )
    is_over = sa.exists().where(draft.c.id == job.c.draft_id, draft.c.version == 0)
    forgotten = sa.select(job.c.id).where(is_over, ~is_ordered)
    connection = op.get_bind()
    connection.execute(sa.update(output).where(output.c.job_id.in_(forgotten)).values(facts={}))
    connection.execute(sa.update(job).where(is_over, ~is_ordered).values(options={}, inputs=[], error_text=None))
    connection.execute(sa.update(draft).where(draft.c.version == 0).values(options={}))

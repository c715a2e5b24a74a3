"""An order that closes unpaid gives its promotion's use back"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("order") as batch:
        batch.add_column(sa.Column("promotion", sa.String(), nullable=True))
    order = sa.table("order", *(sa.column(name) for name in ("id", "promotion", "paid_at", "closed_at")))
    event = sa.table(
        "audit_event", sa.column("order_id"), sa.column("event"), sa.column("data", sa.JSON(none_as_null=True))
    )
    # Those closed before keep the use that they took: paid late after all, they must not take another.
    counts = sa.or_(order.c.paid_at.is_not(None), order.c.closed_at.is_(None))
    placed = (
        sa.select(order.c.id, event.c.data)
        .join(event, event.c.order_id == order.c.id)
        .where(counts, event.c.event == "order.placed")
    )
    connection = op.get_bind()
    used = [
        {"of": order_id, "code": data["promotion"]}
        for order_id, data in connection.execute(placed)
        if data.get("promotion")
    ]
    if used:
        update = sa.update(order).where(order.c.id == sa.bindparam("of")).values(promotion=sa.bindparam("code"))
        connection.execute(update, used)

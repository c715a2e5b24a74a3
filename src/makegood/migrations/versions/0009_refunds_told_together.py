"""Refunds of one line are told of together"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("refund") as refund:
        # What has gone back before has been told of.
        refund.add_column(sa.Column("untold", sa.Boolean(), nullable=False, server_default=sa.false()))
        refund.create_index(op.f("ix_refund_untold"), ["untold"])

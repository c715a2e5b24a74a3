"""A difference may be about money that no payment of ours stands for yet"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("difference") as difference:
        difference.alter_column("payment_id", existing_type=sa.String(), nullable=True)

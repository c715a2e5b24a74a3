"""Only time in which somebody looked counts against a term"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("commitment") as commitment:
        # What fails at the time of the upgrade is given its grace anew.
        commitment.add_column(sa.Column("failing_seconds", sa.Double(), nullable=False, server_default="0"))

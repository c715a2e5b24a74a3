"""The table of kites"""

import sqlalchemy as sa
from alembic import op

revision = "kites1"
down_revision = None
branch_labels = ("kites",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kites_kite",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("colour", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kites_kite")),
    )

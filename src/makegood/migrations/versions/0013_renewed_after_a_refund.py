"""Only periods that stand follow one another: one that was given back leaves its place to the next renewal"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("commitment") as commitment:
        commitment.drop_constraint(op.f("uq_commitment_unit_id_kind_since"), type_="unique")
    op.create_index(op.f("ix_commitment_unit_id"), "commitment", ["unit_id"])
    standing = sa.text("state = 'standing'")
    op.create_index(
        "uq_commitment_standing", "commitment", ["unit_id", "kind", "since"], unique=True,
        sqlite_where=standing, postgresql_where=standing,
    )  # fmt: skip

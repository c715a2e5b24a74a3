"""Chunks, jobs, commitments that are probed"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Obligations name their workflow; lines what they renew and were made from; commitments get a life of their own."""
    _orders()
    _commitments()
    op.create_table(
        "outside",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("obligation_id", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.Column("undone_at", sa.DateTime(), nullable=True),
        sa.Column("undo_try", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["obligation_id"], ["obligation.id"], name=op.f("fk_outside_obligation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside")),
        sa.UniqueConstraint("obligation_id", "attempt", "name", name=op.f("uq_outside_obligation_id_attempt_name")),
    )
    op.create_index(op.f("ix_outside_undone_at"), "outside", ["undone_at"])
    _jobs()


def _orders() -> None:
    with op.batch_alter_table("obligation") as table:
        table.add_column(sa.Column("work", sa.String(), nullable=True))
    op.execute("UPDATE obligation SET work = id || '/' || attempt")
    with op.batch_alter_table("obligation") as table:
        table.alter_column("work", existing_type=sa.String(), nullable=False)
        table.create_index(op.f("ix_obligation_work"), ["work"])
    with op.batch_alter_table("order_line") as table:
        table.add_column(sa.Column("untold", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("renews_unit_id", sa.String(), nullable=True))
        table.add_column(sa.Column("job_id", sa.String(), nullable=True))
        table.create_foreign_key(op.f("fk_order_line_renews_unit_id"), "unit", ["renews_unit_id"], ["id"])
        table.create_index(op.f("ix_order_line_untold"), ["untold"])
        table.create_index(op.f("ix_order_line_renews_unit_id"), ["renews_unit_id"])


def _commitments() -> None:
    with op.batch_alter_table("commitment") as table:
        table.add_column(sa.Column("unit_id", sa.String(), nullable=True))
        table.add_column(sa.Column("state", sa.String(), nullable=False, server_default="standing"))
        table.add_column(sa.Column("ended_at", sa.DateTime(), nullable=True))
        table.add_column(sa.Column("next_probe_at", sa.DateTime(), nullable=True))
        table.add_column(sa.Column("probed_at", sa.DateTime(), nullable=True))
        table.add_column(sa.Column("failing_since", sa.DateTime(), nullable=True))
        table.add_column(sa.Column("problem", sa.String(), nullable=True))
        table.add_column(sa.Column("restore_try", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("revoke_due", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE commitment SET next_probe_at = since, "
        "unit_id = (SELECT unit_id FROM obligation WHERE obligation.id = commitment.obligation_id)"
    )
    with op.batch_alter_table("commitment") as table:
        table.alter_column("unit_id", existing_type=sa.String(), nullable=False)
        table.alter_column("next_probe_at", existing_type=sa.DateTime(), nullable=False)
        table.create_foreign_key(op.f("fk_commitment_unit_id"), "unit", ["unit_id"], ["id"])
        table.create_unique_constraint(op.f("uq_commitment_unit_id_kind_since"), ["unit_id", "kind", "since"])
        table.create_check_constraint(op.f("ck_commitment_state"), "state IN ('standing', 'broken', 'over')")
        table.create_check_constraint(op.f("ck_commitment_ended_at"), "(state = 'standing') = (ended_at IS NULL)")
        table.create_index(op.f("ix_commitment_next_probe_at"), ["next_probe_at"])
        table.create_index(op.f("ix_commitment_revoke_due"), ["revoke_due"])


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("draft_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("live_for", sa.String(), nullable=True),
        sa.Column("product_id", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("done", sa.Double(), nullable=False),
        sa.Column("doing", sa.String(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_text", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("try_until", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'processing', 'completed', 'failed', 'cancelled')", name=op.f("ck_job_state")
        ),
        sa.CheckConstraint("done BETWEEN 0 AND 1", name=op.f("ck_job_done")),
        sa.CheckConstraint("(state IN ('queued', 'processing')) = (ended_at IS NULL)", name=op.f("ck_job_ended_at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("live_for", name=op.f("uq_job_live_for")),
    )
    for column in ("created_at", "draft_id", "state"):
        op.create_index(op.f(f"ix_job_{column}"), "job", [column])
    op.create_table(
        "job_output",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("asset_id", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name=op.f("fk_job_output_asset_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_output_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_output")),
        sa.UniqueConstraint("job_id", "name", name=op.f("uq_job_output_job_id_name")),
    )

"""Reconciliation, disputes and partial refunds"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The columns as they were, so that each is filled from its namesake.
FILL_PAYMENT = """
INSERT INTO payment (id, order_id, provider, provider_ref, state, amount_minor, currency, captured_minor, url, details,
    problem, request_try, polled_at, created_at, expires_at, paid_at, closed_at)
SELECT id, order_id, provider, provider_ref, state, amount_minor, currency, captured_minor, url, details,
    problem, request_try, polled_at, created_at, expires_at, paid_at, closed_at FROM kept_payment
"""
FILL_REFUND = """
INSERT INTO refund (id, payment_id, obligation_id, surplus_of, key, reference, amount_minor, currency, reason, state,
    provider_ref, tries, last_error, created_at, settled_at)
SELECT id, payment_id, obligation_id, surplus_of, CASE WHEN obligation_id IS NULL THEN 'surplus' ELSE 'whole' END, id,
    amount_minor, currency, reason, state, provider_ref, tries, last_error, created_at, settled_at FROM kept_refund
"""
FILL_COUNTED_REFUND = """
INSERT INTO counted_refund (id, provider, ref, payment_id, refund_id, amount_minor, currency, unplaced_minor, counted_at)
SELECT r.id, p.provider, r.provider_ref, p.id, r.id, r.amount_minor, r.currency, 0, coalesce(r.settled_at, r.created_at)
FROM refund r JOIN payment p ON p.id = r.payment_id
WHERE r.state = 'succeeded' AND r.amount_minor > 0 AND r.provider_ref IS NOT NULL
"""


def upgrade() -> None:
    """The two tables are built anew and filled again: that keeps their constraints on every database, and SQLite lets
    nobody drop a table that others refer to."""
    op.execute("CREATE TABLE kept_refund AS SELECT * FROM refund")
    op.execute("CREATE TABLE kept_payment AS SELECT * FROM payment")
    op.drop_table("refund")
    op.drop_table("payment")
    _payment()
    op.execute(FILL_PAYMENT)
    _refund()
    op.execute(FILL_REFUND)
    op.drop_table("kept_refund")
    op.drop_table("kept_payment")
    op.add_column("obligation", sa.Column("disputed_at", sa.DateTime(), nullable=True))
    _counted_refund()
    op.execute(FILL_COUNTED_REFUND)
    _dispute()
    _difference()
    op.create_table(
        "reconciliation_cursor",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=True),
        sa.Column("cursor", sa.String(), nullable=True),
        sa.Column("newest", sa.DateTime(), nullable=True),
        sa.Column("unsettled", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "stream", name=op.f("pk_reconciliation_cursor")),
    )


def _payment() -> None:
    op.create_table(
        "payment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("request_try", sa.Integer(), nullable=False),
        sa.Column("polled_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("paid_at", sa.DateTime(), nullable=True),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'pending', 'paid', 'failed', 'cancelled', 'expired')", name=op.f("ck_payment_state")
        ),
        sa.CheckConstraint("amount_minor >= 0 AND captured_minor >= 0", name=op.f("ck_payment_amounts")),
        sa.CheckConstraint("order_id IS NOT NULL OR problem IS NOT NULL", name=op.f("ck_payment_order")),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name=op.f("fk_payment_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("provider", "provider_ref", name=op.f("uq_payment_provider_provider_ref")),
    )
    for column in ("closed_at", "order_id", "state"):
        op.create_index(op.f(f"ix_payment_{column}"), "payment", [column])


def _refund() -> None:
    op.create_table(
        "refund",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("obligation_id", sa.String(), nullable=True),
        sa.Column("surplus_of", sa.String(), nullable=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("settled_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("state IN ('recorded', 'pending', 'succeeded', 'failed')", name=op.f("ck_refund_state")),
        sa.CheckConstraint("(obligation_id IS NULL) <> (surplus_of IS NULL)", name=op.f("ck_refund_for")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_refund_amount")),
        sa.ForeignKeyConstraint(["obligation_id"], ["obligation.id"], name=op.f("fk_refund_obligation_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_refund_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("obligation_id", "key", name=op.f("uq_refund_obligation_id_key")),
        sa.UniqueConstraint("reference", name=op.f("uq_refund_reference")),
        sa.UniqueConstraint("surplus_of", name=op.f("uq_refund_surplus_of")),
    )
    for column in ("payment_id", "state"):
        op.create_index(op.f(f"ix_refund_{column}"), "refund", [column])


def _counted_refund() -> None:
    op.create_table(
        "counted_refund",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("refund_id", sa.String(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("unplaced_minor", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "amount_minor > 0 AND unplaced_minor BETWEEN 0 AND amount_minor", name=op.f("ck_counted_refund_amounts")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_counted_refund_payment_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_counted_refund_refund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted_refund")),
        sa.UniqueConstraint("provider", "ref", name=op.f("uq_counted_refund_provider_ref")),
    )
    op.create_index(op.f("ix_counted_refund_payment_id"), "counted_refund", ["payment_id"])


def _dispute() -> None:
    op.create_table(
        "dispute",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("noted_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'won', 'lost')", name=op.f("ck_dispute_state")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_dispute_amount")),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name=op.f("ck_dispute_closed_at")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_dispute_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("provider", "ref", name=op.f("uq_dispute_provider_ref")),
    )
    for column in ("payment_id", "state"):
        op.create_index(op.f(f"ix_dispute_{column}"), "dispute", [column])


def _difference() -> None:
    op.create_table(
        "difference",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("payment_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        sa.Column("explained_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_difference_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference")),
        sa.UniqueConstraint("provider", "kind", "ref", name=op.f("uq_difference_provider_kind_ref")),
    )
    for column in ("explained_at", "order_id"):
        op.create_index(op.f(f"ix_difference_{column}"), "difference", [column])

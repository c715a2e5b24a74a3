"""Tables of orders. What the promise rests on is a constraint here, not a check in code."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from makegood.kernel.database import Base
from makegood.orders.states import Delivery, Money, RefundState
from makegood.storage.assets import Asset


def work_id(obligation_id: str, attempt: int) -> str:
    """The workflow of one attempt at one obligation."""
    return f"{obligation_id}/{attempt}"


def _own_work(context: DefaultExecutionContext) -> str:
    values = context.get_current_parameters()  # type: ignore[no-untyped-call]
    return work_id(values["id"], values["attempt"])


class Order(Base):
    """What a customer ordered. Its state is derived; see `states.order_state`."""

    __tablename__ = "order"

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    visitor_id: Mapped[str | None] = mapped_column(index=True)
    customer_id: Mapped[str | None] = mapped_column(index=True)
    email: Mapped[str] = mapped_column(index=True)
    currency: Mapped[str]
    discount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    tax_minor: Mapped[int] = mapped_column(sa.BigInteger)
    total_minor: Mapped[int] = mapped_column(sa.BigInteger)
    promotion: Mapped[str | None]
    """The promotion code of which it has one use, for as long as it can be paid or is."""
    test: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(index=True)
    paid_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    open_for: Mapped[str | None] = mapped_column(unique=True)
    """`{draft}:{version}` while unpaid, so that one version of a draft has at most one open order."""
    erased_at: Mapped[datetime | None]
    """When its customer's personal data were taken out at their wish; the figures stay."""

    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position", lazy="selectin")

    __table_args__ = (sa.CheckConstraint("total_minor >= 0 AND discount_minor >= 0 AND tax_minor >= 0", "amounts"),)


class OrderLine(Base):
    """One product in an order: frozen options, frozen price, held inputs."""

    __tablename__ = "order_line"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(sa.ForeignKey("order.id"), index=True)
    position: Mapped[int]
    product_id: Mapped[str]
    description: Mapped[str]
    options: Mapped[dict[str, Any]]
    price: Mapped[list[Any]]
    quantity: Mapped[int]
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    untold: Mapped[bool] = mapped_column(default=False, index=True)
    """That it has several units, is paid, and its customer has not been told yet that they are at rest."""
    renews_unit_id: Mapped[str | None] = mapped_column(
        sa.ForeignKey("unit.id", name="fk_order_line_renews_unit_id", use_alter=True), index=True
    )
    """The delivered unit whose term this line was ordered to prolong."""
    job_id: Mapped[str | None] = mapped_column(index=True)
    """The job that made the draft's result before it was paid for."""

    inputs: Mapped[list[OrderInput]] = relationship(lazy="selectin")
    units: Mapped[list[Unit]] = relationship(
        order_by="Unit.unit_no", lazy="selectin", foreign_keys="Unit.order_line_id"
    )

    __table_args__ = (
        sa.UniqueConstraint("order_id", "position"),
        sa.CheckConstraint("quantity >= 1", "quantity"),
        sa.CheckConstraint("amount_minor >= 0", "amount"),
    )


class OrderInput(Base):
    """A file that a line is made from, as it was at checkout. `derived` maps names to asset ids."""

    __tablename__ = "order_input"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_line_id: Mapped[str] = mapped_column(sa.ForeignKey("order_line.id"), index=True)
    slot: Mapped[str]
    asset_id: Mapped[str] = mapped_column(sa.ForeignKey(Asset.id))
    facts: Mapped[dict[str, Any]]
    derived: Mapped[dict[str, Any]]

    __table_args__ = (sa.UniqueConstraint("order_line_id", "slot"),)

    @property
    def asset_ids(self) -> dict[str, str]:
        """Every asset that the making needs of it, by what it is: the file itself, and what was derived from it."""
        return {self.slot: self.asset_id, **{f"{self.slot}/{name}": inner for name, inner in self.derived.items()}}


class Unit(Base):
    """What is owed one by one once it is paid. `amount_minor` is its share of the order's total."""

    __tablename__ = "unit"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_line_id: Mapped[str] = mapped_column(sa.ForeignKey("order_line.id"), index=True)
    unit_no: Mapped[int]
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    seed: Mapped[int] = mapped_column(sa.BigInteger)

    codes: Mapped[list[UnitCode]] = relationship(lazy="selectin")

    __table_args__ = (
        sa.UniqueConstraint("order_line_id", "unit_no"),
        sa.CheckConstraint("amount_minor >= 0", "amount"),
    )


class UnitCode(Base):
    """A permanent public code that goes into an artefact."""

    __tablename__ = "unit_code"

    product_id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(sa.ForeignKey("unit.id"), index=True)

    __table_args__ = (sa.UniqueConstraint("unit_id", "purpose"),)


class Obligation(Base):
    """One paid unit that is owed. `number` 0 is the paid one; each later one is goodwill of value 0, and makes up for
    the one before it, which was abandoned."""

    __tablename__ = "obligation"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(sa.ForeignKey("order.id"), index=True)
    unit_id: Mapped[str] = mapped_column(sa.ForeignKey("unit.id"))
    number: Mapped[int]
    payment_id: Mapped[str] = mapped_column(index=True)
    allocated_minor: Mapped[int] = mapped_column(sa.BigInteger)
    returned_minor: Mapped[int] = mapped_column(sa.BigInteger)
    """What has left again, given back or charged back: the sum of what the provider says, laid on the units."""
    delivery: Mapped[str] = mapped_column(index=True)
    money: Mapped[str] = mapped_column(index=True)
    attempt: Mapped[int]
    work: Mapped[str] = mapped_column(default=_own_work, index=True)
    """The workflow that works the present attempt: the obligation's own, or one that works a chunk of a line."""
    refund_try: Mapped[int]
    lease_until: Mapped[datetime | None]
    owed_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    disputed_at: Mapped[datetime | None]
    """Since when the deadline sleeps, while the money is disputed."""
    next_try_at: Mapped[datetime | None]
    at_step: Mapped[str | None]
    error_code: Mapped[str | None]
    error_text: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    abandoned_at: Mapped[datetime | None]
    reason: Mapped[str | None]

    __table_args__ = (
        sa.UniqueConstraint("unit_id", "number"),
        sa.CheckConstraint(f"delivery IN ({', '.join(repr(str(s)) for s in Delivery)})", "delivery"),
        sa.CheckConstraint(f"money IN ({', '.join(repr(str(s)) for s in Money)})", "money"),
        sa.CheckConstraint("allocated_minor >= 0 AND returned_minor BETWEEN 0 AND allocated_minor", "returned"),
        sa.CheckConstraint("NOT (delivery = 'abandoned' AND money = 'kept')", "abandoned_money"),
        sa.CheckConstraint("(delivery = 'delivered') = (delivered_at IS NOT NULL)", "delivered_at"),
    )


class Refund(Base):
    """Money that we give back. Recorded before the provider is called, which knows it by `reference` for ever: that is
    made from the unit (or the provider's own payment) and `key`, so that a restored backup makes the same one again."""

    __tablename__ = "refund"

    id: Mapped[str] = mapped_column(primary_key=True)
    payment_id: Mapped[str] = mapped_column(sa.ForeignKey("payment.id"), index=True)
    obligation_id: Mapped[str | None] = mapped_column(sa.ForeignKey(Obligation.id))
    surplus_of: Mapped[str | None] = mapped_column(unique=True)
    """The payment whose money belongs to nothing, where there is no obligation."""
    key: Mapped[str]
    """`whole`, `surplus`, or the occasion of a part."""
    reference: Mapped[str] = mapped_column(unique=True)
    amount_minor: Mapped[int] = mapped_column(sa.BigInteger)
    """What is to go back: derived anew before each try, and in the end what went."""
    currency: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    provider_ref: Mapped[str | None]
    tries: Mapped[int]
    due_at: Mapped[datetime | None]
    """Not before this moment; at once if there is none."""
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    untold: Mapped[bool] = mapped_column(default=False, index=True)
    """Its customer is told of it together with what else of its line goes back."""

    __table_args__ = (
        sa.UniqueConstraint("obligation_id", "key"),
        sa.CheckConstraint(f"state IN ({', '.join(repr(str(s)) for s in RefundState)})", "state"),
        sa.CheckConstraint("amount_minor >= 0", "amount"),
        sa.CheckConstraint("(obligation_id IS NULL) <> (surplus_of IS NULL)", "for"),
    )

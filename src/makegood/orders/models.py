"""Tables of orders. What the promise rests on is a constraint here, not a check in code."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column, relationship

from makegood.kernel.database import Base
from makegood.orders.states import Delivery, Money
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
    test: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(index=True)
    paid_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    open_for: Mapped[str | None] = mapped_column(unique=True)
    """`{draft}:{version}` while unpaid, so that one version of a draft has at most one open order."""

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
    job_id: Mapped[str | None]
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
    """A file that a line is made from, as it was at checkout. `derived` maps names to the same fields."""

    __tablename__ = "order_input"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_line_id: Mapped[str] = mapped_column(sa.ForeignKey("order_line.id"), index=True)
    slot: Mapped[str]
    asset_id: Mapped[str] = mapped_column(sa.ForeignKey(Asset.id))
    facts: Mapped[dict[str, Any]]
    derived: Mapped[dict[str, Any]]

    __table_args__ = (sa.UniqueConstraint("order_line_id", "slot"),)


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
    """One paid unit that is owed. `number` 0 is the paid one; later ones are goodwill of value 0."""

    __tablename__ = "obligation"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(sa.ForeignKey("order.id"), index=True)
    unit_id: Mapped[str] = mapped_column(sa.ForeignKey("unit.id"))
    number: Mapped[int]
    payment_id: Mapped[str] = mapped_column(index=True)
    allocated_minor: Mapped[int] = mapped_column(sa.BigInteger)
    returned_minor: Mapped[int] = mapped_column(sa.BigInteger)
    delivery: Mapped[str] = mapped_column(index=True)
    money: Mapped[str] = mapped_column(index=True)
    attempt: Mapped[int]
    work: Mapped[str] = mapped_column(default=_own_work, index=True)
    """The workflow that works the present attempt: the obligation's own, or one that works a chunk of a line."""
    refund_try: Mapped[int]
    lease_until: Mapped[datetime | None]
    owed_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
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

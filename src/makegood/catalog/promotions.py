"""Promotion codes: looked up for a quote, used up at checkout."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.catalog.models import Promotion
from makegood.kernel.clock import Clock
from makegood.kernel.errors import Rejected


class PromotionUnknown(Rejected):
    code = "PROMOTION_UNKNOWN"
    customer = "That promotion code isn't valid, or is no longer. Nothing was charged."
    operator = "The promotion code {promotion} is unknown, expired, used up or not for {product}."


def code_of(typed: str) -> str:
    """A promotion's code as it is kept, however it was typed."""
    return typed.strip().upper()


def find(session: Session, clock: Clock, code: str, product_id: str, *, holds_use: bool = False) -> Promotion:
    """The promotion if it may be used now for this product; `holds_use`: by somebody whose open order has its last use,
    and is ended before the next one is placed."""
    promotion = session.get(Promotion, code_of(code), populate_existing=True)
    if (
        promotion is None
        or promotion.product_id not in (None, product_id)
        or (promotion.until is not None and promotion.until <= clock.now())
        or (promotion.uses_left == 0 and not holds_use)
    ):
        raise PromotionUnknown(promotion=code[:40], product=product_id)
    return promotion


def use(session: Session, clock: Clock, code: str, product_id: str) -> None:
    """Use the promotion once, in the transaction that places the order; two orders can't share its last use."""
    promotion = find(session, clock, code, product_id)
    if promotion.uses_left is None:
        return
    used = session.execute(
        sa.update(Promotion)
        .where(Promotion.code == promotion.code, Promotion.uses_left > 0)
        .values(uses_left=Promotion.uses_left - 1)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise PromotionUnknown(promotion=code[:40], product=product_id)


def give_back(session: Session, code: str) -> None:
    """Give the use of an order back, in the transaction that closes it unpaid: what nobody pays uses nothing up."""
    _add(session, code, 1)


def use_late(session: Session, code: str) -> None:
    """Use it for an order that is paid after it was closed. It may be used up by now: what was sold at a price is
    delivered at that price."""
    _add(session, code, -1)


def _add(session: Session, code: str, uses: int) -> None:
    session.execute(
        sa.update(Promotion)
        .where(Promotion.code == code, Promotion.uses_left + uses >= 0)
        .values(uses_left=Promotion.uses_left + uses)
    )

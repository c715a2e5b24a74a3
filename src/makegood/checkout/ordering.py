"""Checkout: a quoted draft becomes an order with units and held inputs that asks for its payment, all at once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from makegood.accounts.callers import Caller
from makegood.accounts.emails import read_email
from makegood.catalog import pricing, promotions
from makegood.catalog.pricing import Price
from makegood.catalog.products import Products
from makegood.catalog.quotes import Quote, QuoteOutdated, Quotes
from makegood.checkout.drafts import Drafts
from makegood.checkout.errors import (
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    JobNotFinished,
    NoPaymentProvider,
    QuantityInvalid,
)
from makegood.checkout.models import Draft, IdempotentRequest
from makegood.checkout.open_orders import OpenOrder, OpenOrders, Wish, open_for
from makegood.checkout.renewing import renewed_unit, require_renewable
from makegood.fulfillment.jobs import finished_job
from makegood.fulfillment.keeping import standing_outputs
from makegood.fulfillment.models import Job
from makegood.kernel import audit, faults
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.ids import crockford, new_id, new_order_number
from makegood.kernel.money import allocate
from makegood.kernel.settings import Settings
from makegood.orders.models import Order, OrderInput, OrderLine, Unit, UnitCode
from makegood.payments.provider import PaymentProvider
from makegood.payments.requesting import Requesting
from makegood.product_api import Product
from makegood.storage import assets
from makegood.storage.assets import HoldKind
from makegood.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class _Checkout:
    """Who wants what at which price, and the order that was ended for it."""

    caller: Caller
    product: Product
    price: Price
    wish: Wish
    ended: OpenOrder | None = None


class Ordering:
    """Quotes and orders."""

    def __init__(
        self, database: Database, clock: Clock, settings: Settings, objects: ObjectStore, products: Products,
        drafts: Drafts, quotes: Quotes, requesting: Requesting, providers: dict[str, PaymentProvider],
        open_orders: OpenOrders,
    ) -> None:  # fmt: skip
        self._database, self._clock, self._settings = database, clock, settings
        self._objects, self._products, self._drafts = objects, products, drafts
        self._quotes, self._requesting, self._providers = quotes, requesting, providers
        self._open_orders = open_orders

    def quote(self, caller: Caller, draft_id: str, quantity: int, promotion: str | None) -> tuple[Quote, str]:
        """The frozen, signed price of the caller's draft as it stands, and its token."""
        draft, product = self._drafts.checked(caller, draft_id)
        if product.job is not None:
            with self._database.read() as session:
                self._job(session, draft)
        price = self._price(draft, product, quantity, promotion)
        return self._quotes.make(draft.id, draft.version, promotion, price)

    def place(
        self, caller: Caller, draft_id: str, email: str, quote_token: str, idempotency_key: str,
        renews: str | None = None,
    ) -> str:  # fmt: skip
        """Place the order; returns its id. The same key and request again return the same order, and so does another
        key as long as that order is open; what asks for something else of the same version ends it first, or raises
        `OrderOpen`. `renews` is the id of a delivered unit of the caller's whose term this order prolongs."""
        if not 8 <= len(idempotency_key) <= 200:
            raise IdempotencyKeyMissing
        digest = hashlib.sha256(f"{draft_id}\0{email}\0{quote_token}\0{renews or ''}".encode()).hexdigest()
        who = caller.customer_id or caller.visitor_id or "nobody"
        known = self._known(who, idempotency_key, digest)
        if known:
            return known
        self._objects.require_free(self._settings.disk_floor_mb)
        address = read_email(email)
        quote = self._quotes.read(quote_token)
        draft, product = self._drafts.checked(caller, draft_id)
        _require_current(quote, draft)
        self._verify_inputs(draft)
        with self._database.read() as session:
            root = renewed_unit(session, caller, product, renews) if renews else None
        checkout = _Checkout(caller, product, quote.price, _wish(quote, address, root))
        checkout = replace(checkout, ended=self._make_way(draft, checkout))
        faults.reach("checkout:before")
        with self._database.write() as session:
            # One after the other: a double submit meets its twin here, and what was quoted is what is sold.
            draft = self._drafts.locked(session, caller, draft_id)
            known = self._known_in(session, who, idempotency_key, digest)
            if known:
                return known
            _require_current(quote, draft)
            order_id = self._open_orders.same(session, draft, checkout.wish)
            order_id = order_id or self._add_order(session, draft, checkout)
            session.add(
                IdempotentRequest(
                    caller=who, key=idempotency_key, digest=digest, order_id=order_id, at=self._clock.now()
                )
            )
        faults.reach("checkout:after")
        return order_id

    def _make_way(self, draft: Draft, checkout: _Checkout) -> OpenOrder | None:
        """End this version's open order if it is of something else; returns it in that case."""
        wish = checkout.wish
        with self._database.read() as session:
            before = self._open_orders.find(session, draft)
            if before is None or before.wish == wish:
                return None
            # Nothing is ended for what would be refused afterwards.
            if wish.renews:
                require_renewable(session, wish.renews, wish.quantity)
            if wish.promotion and wish.promotion != before.wish.promotion:
                promotions.find(session, self._clock, wish.promotion, checkout.product.manifest.id)
        self._open_orders.end(before, draft)
        return before

    def _price(self, draft: Draft, product: Product, quantity: int, promotion: str | None) -> Price:
        if not 1 <= quantity <= product.most_units:
            raise QuantityInvalid(most=product.most_units, quantity=quantity)
        percent = 0
        if promotion:
            with self._database.read() as session:
                before = self._open_orders.find(session, draft)
                holds_use = before is not None and before.wish.promotion == promotions.code_of(promotion)
                found = promotions.find(session, self._clock, promotion, product.manifest.id, holds_use=holds_use)
                percent = found.percent
        options = product.options.model_validate(draft.options)
        lines = product.price(options, {file.slot: file.facts for file in draft.files})
        return pricing.price(
            lines, quantity, currency=self._settings.currency, discount_percent=percent,
            tax_percent=self._settings.tax_percent,
        )  # fmt: skip

    def _known(self, who: str, key: str, digest: str) -> str | None:
        with self._database.read() as session:
            return self._known_in(session, who, key, digest)

    def _known_in(self, session: Session, who: str, key: str, digest: str) -> str | None:
        request = session.get(IdempotentRequest, (who, key))
        if request is None:
            return None
        if request.digest != digest:
            raise IdempotencyKeyReused(key=key[:40])
        return request.order_id

    def _verify_inputs(self, draft: Draft) -> None:
        """Each input exists with its bytes, before any money is asked for."""
        with self._database.read() as session:
            found = [assets.get(session, asset_id) for asset_id in sorted(_asset_ids(draft))]
        for asset in found:
            self._objects.verify(asset.key, asset.sha256, asset.size)

    def _add_order(self, session: Session, draft: Draft, checkout: _Checkout) -> str:
        caller, product, price, wish = checkout.caller, checkout.product, checkout.price, checkout.wish
        now = self._clock.now()
        if wish.renews:
            require_renewable(session, wish.renews, wish.quantity)
        if wish.promotion:
            promotions.use(session, self._clock, wish.promotion, product.manifest.id)
        job = self._job(session, draft) if product.job else None
        provider = "free" if price.total_minor == 0 else self._provider()
        order = Order(
            id=new_id(), number=new_order_number(), visitor_id=caller.visitor_id, customer_id=caller.customer_id,
            email=wish.email, currency=price.currency, discount_minor=price.discount_minor, tax_minor=price.tax_minor,
            total_minor=price.total_minor, promotion=wish.promotion, test=self._providers[provider].test,
            created_at=now, open_for=open_for(draft), lines=[self._line(draft, product, price, job, wish.renews)],
        )  # fmt: skip
        session.add(order)
        session.flush()
        assets.hold(session, self._clock, _asset_ids(draft), HoldKind.ORDER, order.id)
        if job is not None:
            # What has been lost of it meanwhile is made again once it is paid for.
            assets.hold(session, self._clock, standing_outputs(session, job.id), HoldKind.ORDER, order.id)
        expires = now + timedelta(minutes=self._settings.payment_minutes)
        payment = self._requesting.place(session, order, provider, expires)
        audit.record(
            session, self._clock, "order.placed", order.id, order.id, number=order.number, draft=draft.id,
            version=draft.version, total=price.total_minor, currency=price.currency, payment=payment.id,
            promotion=wish.promotion, instead_of=checkout.ended and checkout.ended.number,
        )  # fmt: skip
        if checkout.ended is not None:
            audit.record(session, self._clock, "order.replaced", checkout.ended.id, checkout.ended.id, draft=draft.id)
        return order.id

    def _provider(self) -> str:
        for name in self._providers:
            if name != "free":
                return name
        raise NoPaymentProvider

    def _job(self, session: Session, draft: Draft) -> Job:
        """The finished job of the draft as it stands: what its customer has seen or heard is what is sold."""
        job = finished_job(session, draft.id, draft.version)
        if job is None:
            raise JobNotFinished(draft=draft.id, version=draft.version)
        return job

    def _line(self, draft: Draft, product: Product, price: Price, job: Job | None, renewed: str | None) -> OrderLine:
        options = product.options.model_validate(draft.options)
        shares = allocate(price.total_minor, [1] * price.quantity)
        return OrderLine(
            id=new_id(), position=1, product_id=product.manifest.id, description=product.describe(options),
            options=dict(draft.options), price=[{"label": x.label, "unit_minor": x.unit_minor} for x in price.lines],
            quantity=price.quantity, amount_minor=price.total_minor,
            inputs=[
                OrderInput(
                    id=new_id(), slot=f.slot, asset_id=f.asset_id, facts=dict(f.facts), derived=dict(f.derived)
                )
                for f in draft.files
            ],
            units=[self._unit(product, number, share, job) for number, share in enumerate(shares, 1)],
            renews_unit_id=renewed, job_id=job.id if job else None, untold=False,
        )  # fmt: skip

    def _unit(self, product: Product, number: int, share: int, job: Job | None) -> Unit:
        codes = [
            UnitCode(product_id=product.manifest.id, purpose=spec.purpose, code=crockford(spec.length))
            for spec in product.codes
        ]
        seed = job.seed if job else secrets.randbits(48)
        return Unit(id=new_id(), unit_no=number, amount_minor=share, seed=seed, codes=codes)


def _asset_ids(draft: Draft) -> set[str]:
    return {asset_id for file in draft.files for asset_id in (file.asset_id, *file.derived.values())}


def _require_current(quote: Quote, draft: Draft) -> None:
    if (quote.draft_id, quote.version) != (draft.id, draft.version):
        raise QuoteOutdated(quoted=f"{quote.draft_id}/{quote.version}", present=f"{draft.id}/{draft.version}")


def _wish(quote: Quote, email: str, renews: str | None) -> Wish:
    promotion = promotions.code_of(quote.promotion) if quote.promotion else None
    return Wish(email, quote.price.currency, quote.price.total_minor, quote.price.quantity, promotion, renews)

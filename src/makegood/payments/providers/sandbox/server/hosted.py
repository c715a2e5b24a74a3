"""The hosted payment page: where the shop's customer pays, and where a tester says what happens."""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from makegood.kernel.errors import MakegoodError
from makegood.payments.providers.sandbox.server import acting, cards, payments
from makegood.payments.providers.sandbox.server.acting import Attempt, Outcome
from makegood.payments.providers.sandbox.server.cards import CardForm
from makegood.payments.providers.sandbox.server.config import SandboxConfig
from makegood.payments.providers.sandbox.server.courier import Courier
from makegood.payments.providers.sandbox.server.database import Books
from makegood.payments.providers.sandbox.server.door import REDIRECT_WAITS
from makegood.payments.providers.sandbox.server.errors import NoSuchObject, PaymentNotOpen
from makegood.payments.providers.sandbox.server.events import Plan, Webhook
from makegood.payments.providers.sandbox.server.rendering import Pages, read_form

AS_THE_CARD_SAYS: Final = "card"

OUTCOMES: Final = {
    AS_THE_CARD_SAYS: "As the card says",
    Outcome.SUCCESS: "Success",
    Outcome.DECLINE: "Decline",
    Outcome.THREE_D_SECURE: "3-D Secure",
    Outcome.DELAYED_SUCCESS: "Delayed success",
    Outcome.DELAYED_FAILURE: "Delayed failure",
    Outcome.ABANDON: "Abandon the page",
    Outcome.EXPIRE: "Expire the payment",
}

WEBHOOKS: Final = {
    Webhook.NORMAL: "Normal",
    Webhook.TWICE: "Twice at once",
    Webhook.BEFORE_REDIRECT: "Before the redirect",
    Webhook.AFTER: "After the redirect, a few seconds later",
    Webhook.OUT_OF_ORDER: "Out of order",
    Webhook.BAD_SIGNATURE: "Badly signed, every time",
    Webhook.NEVER: "Never",
}

DECLINES: Final = {
    "card_declined": "The card was declined. Nothing was charged. Try another card.",
    "insufficient_funds": "The card has insufficient funds. Nothing was charged. Try another card.",
    "authentication_failed": "Your bank could not confirm it was you. Nothing was charged. Try again.",
    "debit_failed": "Your bank did not send the money. Nothing was charged.",
}

LONGEST_DELAY = 600.0


class Unreadable(Exception):
    """The form can't be carried out; `problems` says why, by field."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(problems)


@dataclass(frozen=True, slots=True)
class PayForm:
    """The checkout form as it was posted."""

    card: CardForm
    outcome: str = AS_THE_CARD_SAYS
    webhook: str = Webhook.NORMAL
    delay: str = "3"
    webhook_delay: str = "3"
    attempts: str = ""

    @classmethod
    def of(cls, form: dict[str, str]) -> PayForm:
        """From the posted fields; what is missing is as the page would have had it."""
        typed = CardForm(*(form.get(name, "").strip() for name in ("number", "expiry", "cvc", "name")))
        names = ("outcome", "webhook", "delay", "webhook_delay", "attempts")
        return cls(typed, **{name: form[name].strip() for name in names if form.get(name, "").strip()})

    @property
    def uses_controls(self) -> bool:
        """Whether anything but the card decides, so that the controls are shown open."""
        plain = PayForm(self.card, attempts=self.attempts)
        return self != plain

    def attempt(self, now: float) -> Attempt:
        """What is to be tried; `Unreadable` if the card or the controls are wrong.

        With an outcome chosen in the controls the card may be left empty.
        """
        found: dict[str, str] = {}
        if self.outcome not in OUTCOMES:
            found["outcome"] = "Choose one of the outcomes."
        if self.webhook not in WEBHOOKS:
            found["webhook"] = "Choose one of the behaviours."
        delay, webhook_delay = _seconds(self.delay), _seconds(self.webhook_delay)
        if delay is None:
            found["delay"] = "Enter 0 to 600 seconds."
        if webhook_delay is None:
            found["webhook_delay"] = "Enter 0 to 600 seconds."
        by_card = self.outcome == AS_THE_CARD_SAYS
        if by_card or not self.card.blank:
            found |= cards.problems(self.card, now)
        if found or delay is None or webhook_delay is None:
            raise Unreadable(found)
        outcome = cards.TEST_CARDS[self.card.digits][0] if by_card else Outcome(self.outcome)
        kept = None if self.card.blank else self.card.label
        return Attempt(outcome, Plan(Webhook(self.webhook), webhook_delay), delay, kept)


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= LONGEST_DELAY else None


class HostedPages:
    """The pages under /pay; whoever knows a payment's address may pay it."""

    def __init__(self, books: Books, courier: Courier, config: SandboxConfig, pages: Pages) -> None:
        self._books = books
        self._courier = courier
        self._base = config.base_path
        self._pages = pages

    def routes(self) -> list[Route]:
        """One page, and what its buttons do."""
        page = "/pay/{id}/{token}"
        return [
            Route(page, self._guarded(self.show), methods=["GET"]),
            Route(page, self._guarded(self.pay), methods=["POST"]),
            Route(page + "/authenticate", self._guarded(self.show_authentication), methods=["GET"]),
            Route(page + "/authenticate", self._guarded(self.authenticate), methods=["POST"]),
            Route(page + "/cancel", self._guarded(self.cancel), methods=["POST"]),
            Route(page + "/left", self._guarded(self.left), methods=["GET"]),
        ]

    def _guarded(
        self, handle: Callable[[Request, dict[str, str]], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                form = await read_form(request) if request.method == "POST" else {}
                return await run_in_threadpool(handle, request, form)
            except MakegoodError as problem:
                return self._pages.render("problem.html", status=problem.status, message=problem.for_customer())

        return answer

    def _find(self, request: Request) -> sqlite3.Row:
        with self._books.read() as tx:
            row = payments.find(tx, request.path_params["id"])
        if not hmac.compare_digest(str(row["token"]).encode(), request.path_params["token"].encode()):
            raise NoSuchObject(kind="payment", id=row["id"])
        return row

    def _address(self, row: sqlite3.Row, below: str = "") -> str:
        return f"{self._base}/pay/{row['id']}/{row['token']}{below}"

    def _go(self, where: str) -> Response:
        return RedirectResponse(where, status_code=303, headers={"Cache-Control": "no-store"})

    def _onward(self, row: sqlite3.Row) -> Response:
        """Where the browser goes after an attempt, as the payment stands now."""
        if row["status"] in ("succeeded", "processing"):
            return self._go(_back_to_shop(row))
        return self._go(self._address(row))

    def show(self, request: Request, form: dict[str, str]) -> Response:
        """The page itself: the card form, or how the payment ended."""
        row = self._find(request)
        prefilled = CardForm("4242 4242 4242 4242", "12 / 34", "123", "Test Customer")
        card = prefilled if request.query_params.get("card") == "test" else CardForm()
        return self._checkout(row, PayForm(card), {})

    def _checkout(self, row: sqlite3.Row, form: PayForm, problems: dict[str, str]) -> Response:
        with self._books.read() as tx:
            payable = payments.is_payable(tx, row)
        shared: dict[str, Any] = {
            "payment": row,
            "page": self._address(row),
            "back": _back_to_shop(row),
            "leads_to": _leads_to(row),
        }
        if not payable:
            declined = DECLINES.get(row["decline_code"] or "")
            return self._pages.render("closed.html", declined=declined, **shared)
        return self._pages.render(
            "checkout.html",
            status=422 if problems else 200,
            form=replace(form, card=form.card.redacted()) if problems else form,
            problems=problems,
            declined=DECLINES.get(row["decline_code"] or "") if not problems else None,
            cards=cards.TEST_CARDS,
            outcomes=OUTCOMES,
            webhooks=WEBHOOKS,
            **shared,
        )

    def pay(self, request: Request, form: dict[str, str]) -> Response:
        """Carry the form out. A form that is posted twice counts once: it names how many attempts it has seen."""
        row = self._find(request)
        typed = PayForm.of(form)
        try:
            attempt = typed.attempt(self._books.now())
        except Unreadable as unreadable:
            return self._checkout(row, typed, unreadable.problems)
        try:
            with self._books.write() as tx:
                row = payments.find(tx, row["id"])
                if typed.attempts and typed.attempts != str(row["attempts"]):
                    if row["authenticating"]:
                        return self._go(self._address(row, "/authenticate"))
                    return self._onward(row)
                if attempt.outcome is Outcome.THREE_D_SECURE:
                    acting.begin_authentication(tx, row["id"], attempt)
                    return self._go(self._address(row, "/authenticate"))
                acted = acting.act(tx, row["id"], attempt)
        except PaymentNotOpen:
            return self._onward(self._find(request))
        self._courier.wait_for_first_try(acted.wait_for, REDIRECT_WAITS)
        if attempt.outcome is Outcome.ABANDON:
            return self._go(self._address(row, "/left"))
        return self._onward(acted.payment)

    def show_authentication(self, request: Request, form: dict[str, str]) -> Response:
        """The bank's page of a 3-D Secure payment."""
        row = self._find(request)
        if row["authenticating"] is None:
            return self._go(self._address(row))
        return self._pages.render("authenticate.html", payment=row, page=self._address(row), leads_to=_leads_to(row))

    def authenticate(self, request: Request, form: dict[str, str]) -> Response:
        """The customer's answer to the bank. Anything but the right button is a failure."""
        row = self._find(request)
        try:
            with self._books.write() as tx:
                acted = acting.authenticated(tx, row["id"], passed=form.get("decision") == "authenticate")
        except PaymentNotOpen:
            return self._onward(self._find(request))
        self._courier.wait_for_first_try(acted.wait_for, REDIRECT_WAITS)
        return self._onward(acted.payment)

    def cancel(self, request: Request, form: dict[str, str]) -> Response:
        """Back to the shop without paying; what is paid already stays paid."""
        row = self._find(request)
        try:
            with self._books.write() as tx:
                acting.act(tx, row["id"], Attempt(Outcome.CANCEL))
        except PaymentNotOpen:
            row = self._find(request)
            if row["status"] in ("succeeded", "processing"):
                return self._onward(row)
        return self._go(row["cancel_url"])

    def left(self, request: Request, form: dict[str, str]) -> Response:
        """What a customer who closed the page would not see."""
        row = self._find(request)
        return self._pages.render("left.html", payment=row, page=self._address(row))


def _leads_to(row: sqlite3.Row) -> tuple[str, ...]:
    return row["return_url"], row["cancel_url"]


def _back_to_shop(row: sqlite3.Row) -> str:
    address, hash_sign, fragment = str(row["return_url"]).partition("#")
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}payment={quote(row['id'])}{hash_sign}{fragment}"

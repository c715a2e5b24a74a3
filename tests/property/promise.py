"""A state machine over customers, provider, workers, operator, clock and retention: whatever the order of events, each
order comes to rest, paid for and delivered, or given back. The verdict reads the provider's ledger and downloads."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from starlette.testclient import TestClient

from makegood.orders.models import Obligation, Order, Unit
from makegood.payments.providers.sandbox.adapter import SIGNATURE_HEADER
from tests.property.scripted import Killed, Run
from tests.property.world import SECRET, Worlds

ROUNDS = [timedelta(minutes=2)] * 5 + [timedelta(hours=13)] * 12
"""What goes wrong heals within minutes; then what nobody paid for, or nobody can make, comes to its end."""
DEADLINE = timedelta(hours=24)
MOST_TIME = timedelta(days=10)
"""How much may pass in an example: a visitor's cookie ends after a month."""


@dataclass
class Bought:
    """An order and its customer; `causes` is why money may go back, `given_up` the units that it may go back for: those
    that nobody can make, those that an operator clicked, and those that were not made when their time was over."""

    http: TestClient
    product: str
    quantity: int
    number: str
    reference: str
    total: int
    at: datetime
    given_up: set[int]
    causes: set[str] = field(default_factory=set)
    disputed: bool = False

    def seen(self) -> dict[str, Any]:
        answer = self.http.get(f"/api/v1/orders/{self.number}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def late(self) -> None:
        """Its time is over: from now on money may go back for what is not made yet, and for nothing else."""
        if "late" not in self.causes:
            self.causes.add("late")
            self.given_up |= {int(unit["no"]) for unit in self.seen()["units"] if not unit["artefacts"]}

    def fetched(self) -> int:
        """How many units can be fetched whole."""
        got = 0
        for unit in self.seen()["units"]:
            answers = [(file, self.http.get(file["url"])) for file in unit["artefacts"]]
            got += bool(answers) and all(a.status_code == 200 and len(a.content) == f["size"] for f, a in answers)
        return got


worlds = Worlds()

index = st.integers(0, 7)
PURCHASE: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from(["notes", "stickers", "engravings"]),
    "quantity": st.sampled_from([1, 2, 3]),
    **dict.fromkeys(("wait", "twice", "pays", "told"), st.booleans()),
}
CLICK: dict[str, st.SearchStrategy[Any]] = {
    "unit": index,
    "act": st.sampled_from(["retry", "refund"]),
    "stop_at": st.integers(0, 5),
    "again": st.booleans(),
}


class Promise(RuleBasedStateMachine):
    """One example. What may happen next depends on what happened before, never on what the shop made of it: else an
    example would not be the same when it is tried again."""

    def __init__(self) -> None:
        super().__init__()
        self.world = worlds.next()
        self.engine = self.world.engine
        self.bought: list[Bought] = []
        self.held: list[Run] = []
        self.passed = timedelta()
        self.is_meddled_with = False

    @initialize(**PURCHASE, is_meddled_with=st.booleans(), click=st.none() | st.fixed_dictionaries(CLICK))
    def opens(self, is_meddled_with: bool, click: dict[str, Any] | None, **purchase: Any) -> None:
        """Nothing of an earlier example is left to be worked on; the first customer comes, and perhaps an operator
        clicks on what was delivered. In half of the examples nobody moves money behind the shop's back: of those the
        verdict says most."""
        self.is_meddled_with = is_meddled_with
        self.engine.works.clear()
        if click is None:
            self.buys(**purchase)
            return
        self.buys(**{**purchase, "pays": True, "told": True})
        self.works_through(0, kills=False)
        self.operator_clicks(0, **click)

    @rule(**PURCHASE)
    def buys(self, kind: str, quantity: int, wait: bool, twice: bool, pays: bool, told: bool) -> None:
        """A customer orders and may pay; perhaps the order is submitted twice, or the draft has run out of time."""
        http = self.world.client(self.world.shop, "http://127.0.0.1:8000")
        never = {2} if kind == "stickers" else set()
        options: dict[str, Any] = {"never": list(never)} if never else {}
        draft = http.post("/api/v1/drafts", json={"product": kind, "options": options}).json()["id"]
        if kind == "engravings":
            picture = f"a picture {uuid.uuid4()}".encode()
            assert http.put(f"/api/v1/drafts/{draft}/files/picture", content=picture).status_code == 200
        quantity = 3 if kind == "stickers" else quantity
        quote = http.post(f"/api/v1/drafts/{draft}/quote", json={"quantity": quantity}).json()["token"]
        body, key = {"email": "kim@example.com", "quote": quote}, {"Idempotency-Key": uuid.uuid4().hex}

        def submit() -> Any:
            return http.post(f"/api/v1/drafts/{draft}/checkout", json=body, headers=key)

        first = Run(stop_at=1)
        if twice:
            self.engine.places.run(submit, first)
        placed = submit().json()
        if twice:
            self.engine.places.go_on(first)
            mine = http.get("/api/v1/orders").json()
            assert len(mine) == 1, f"one submit too many made {len(mine)} orders"
        at = self.world.clock.now()
        self.works_through(0, kills=False)
        for _ in range(3 if wait else 0):
            self._passes(timedelta(minutes=15))
            self.world.sweep()
        order = http.get(f"/api/v1/orders/{placed['number']}").json()
        payment, total = order["payment"]["id"], order["total"]["minor"]
        self.bought.append(Bought(http, kind, quantity, order["number"], payment, total, at, never))
        if pays:
            self.pays(len(self.bought) - 1, "success", told)

    @precondition(lambda self: self.bought)
    @rule(
        which=index,
        outcome=st.sampled_from(["success", "success", "success", "decline", "abandon"]),
        told=st.booleans(),
    )
    def pays(self, which: int, outcome: str, told: bool) -> None:
        """The customer goes to the provider's page, if there is one already; the shop may be told."""
        ref = self._payment(self._pick(which))
        if ref:
            self.world.provider.post(f"test/payments/{ref}/act", json={"outcome": outcome, "webhook": "never"})
            if told:
                self.is_notified(which, 0, 1)

    @precondition(lambda self: self.bought)
    @rule(which=index, stop_at=st.integers(0, 2), copies=st.integers(1, 2))
    def is_notified(self, which: int, stop_at: int, copies: int) -> None:
        """The provider tells of a payment, perhaps twice; the shop may die over it."""
        bought = self._pick(which)
        ref = self._payment(bought)
        if not ref:
            return
        raw = json.dumps({"id": f"evt_{uuid.uuid4()}", "type": "payment.changed", "data": {"payment": {"id": ref}}})
        stamp = str(int(self.world.clock.now().timestamp()))
        signature = hmac.new(SECRET.encode(), f"{stamp}.{raw}".encode(), hashlib.sha256).hexdigest()
        headers = {SIGNATURE_HEADER: f"t={stamp},v1={signature}"}
        inbox = self.world.running.services.inbox
        for _ in range(copies):
            self._do(lambda: inbox.receive("sandbox", headers, raw.encode()), Run(stop_at, kills=True))

    @rule(which=st.integers(0, 30), stop_at=st.integers(0, 14), kills=st.booleans())
    def works(self, which: int, stop_at: int, kills: bool) -> None:
        """A worker takes some work up; it may die at a place, or be held there while other things happen."""
        waiting = self.engine.waiting()
        if not waiting:
            return
        run = Run(stop_at, kills)
        self.engine.start(waiting[which % len(waiting)], run)
        if not run.ended.is_set():
            self.held.append(run)

    @rule(stop_at=st.integers(0, 40), kills=st.booleans())
    def works_through(self, stop_at: int, kills: bool) -> None:
        """A worker takes up whatever waits, one thing after the other, until it dies or is held."""
        for _ in range(20):
            waiting = self.engine.waiting()
            if not waiting:
                return
            run = Run(max(stop_at, 0), kills)
            self.engine.start(waiting[0], run)
            if not run.ended.is_set():
                self.held.append(run)
            if not run.ended.is_set() or isinstance(run.error, Killed):
                return
            stop_at -= run.reached

    @rule(which=index, kill=st.booleans())
    def goes_on(self, which: int, kill: bool) -> None:
        """Held work goes on, or dies."""
        if self.held:
            self.engine.places.go_on(self.held.pop(which % len(self.held)), kill=kill)

    @rule(stop_at=st.integers(0, 12))
    def sweeps(self, stop_at: int) -> None:
        """Sweeps, polls, reconciliation and retention run; the process may die over it."""
        self._do(self.world.sweep, Run(stop_at, kills=True))

    @rule(forgets=st.booleans(), minutes=st.sampled_from([0, 0, 90]))
    def another_process_takes_over(self, forgets: bool, minutes: int) -> None:
        """What the dead left is taken over, perhaps only after a while, or the engine has lost all of it."""
        held = {run.work.identity for run in self.held if run.work}
        if forgets:
            self.engine.forget(held)
        self._passes(timedelta(minutes=minutes))
        self.engine.take_over(held)

    @precondition(lambda self: self.bought)
    @rule(which=index, **CLICK)
    def operator_clicks(self, which: int, unit: int, act: str, stop_at: int, again: bool) -> None:
        """An operator retries or refunds a unit; a worker takes that up, and may die over it, and another one may go on
        at once, before anybody has looked at the provider."""
        paid = [(bought, owed) for bought in self.bought if (owed := self._obligations(bought))]
        if paid:
            bought, owed = paid[which % len(paid)]
            obligation, unit_no = owed[unit % len(owed)]
            if act == "refund":
                bought.causes.add("operator")
                bought.given_up.add(unit_no)
            known = set(self.engine.works)
            getattr(self.world.running.services.operating, act)(obligation, "ann@example.com", "asked for")
            for work in [work for identity, work in self.engine.works.items() if identity not in known][:1]:
                run = Run(stop_at, kills=True)
                self.engine.start(work, run)
                if again and isinstance(run.error, Killed):
                    self.engine.start(work, Run())

    @precondition(lambda self: self.bought and self.is_meddled_with)
    @rule(which=index, part=st.booleans())
    def is_refunded_at_the_provider(self, which: int, part: bool) -> None:
        """A clerk gives money back in the provider's dashboard."""
        bought = self._pick(which)
        ref = self._payment(bought)
        body = {"amount": max(1, bought.total // 3)} if part else {}
        where = f"test/payments/{ref}/refund_from_dashboard"
        if ref and self.world.provider.post(where, json={**body, "webhook": "never"}).status_code < 300:
            bought.causes.add("dashboard")

    @precondition(lambda self: self.bought and self.is_meddled_with)
    @rule(which=index, end=st.sampled_from(["won", "lost"]))
    def is_disputed(self, which: int, end: str) -> None:
        """A bank opens a dispute, or ends the open one."""
        bought = self._pick(which)
        ref = self._payment(bought)
        body = {"action": "close", "outcome": end} if bought.disputed else {"action": "open"}
        where = f"test/payments/{ref}/dispute"
        if ref and self.world.provider.post(where, json={**body, "webhook": "never"}).status_code < 300:
            bought.disputed = not bought.disputed
            bought.causes.add("dispute")

    @precondition(lambda self: self.passed < MOST_TIME)
    @rule(minutes=st.sampled_from([1, 5, 30, 90, 90, 240, 60 * 24, 60 * 24 * 8]))
    def time_passes(self, minutes: int) -> None:
        """The clock moves on."""
        self.passed += timedelta(minutes=minutes)
        self._passes(timedelta(minutes=minutes))

    def teardown(self) -> None:
        """Everything heals; then every order is looked at from outside."""
        for run in self.held:
            self.engine.places.go_on(run)
        for bought in self.bought:
            if bought.disputed:
                where = f"test/payments/{self._payment(bought)}/dispute"
                self.world.provider.post(where, json={"action": "close", "outcome": "won", "webhook": "never"})
        for round_ in ROUNDS:
            self._round(round_)
            if all(bought.seen()["at_rest"] for bought in self.bought) and not self.engine.waiting():
                break
        for bought in self.bought:
            self._judge(bought)

    def _round(self, lasts: timedelta) -> None:
        self.engine.take_over(set())
        for _ in range(3):
            self.works_through(0, kills=False)
        self.world.sweep()
        self.world.clock.offset += lasts

    def _judge(self, bought: Bought) -> None:
        order, money, got = bought.seen(), self.world.ledger(bought.reference), bought.fetched()
        kept = money["capture"] - money["refund"] - money["chargeback"]
        facts = f"{bought} {money}, {got} of {bought.quantity} units, {order['state']}"
        assert order["at_rest"], f"not at rest: {facts}"
        assert kept >= 0, f"more went back than came in: {facts}"
        assert money["capture"] <= bought.total, f"charged twice: {facts}"
        if money["capture"] == 0:
            assert got == 0, f"delivered for nothing: {facts}"
            return
        worth = bought.total * got // bought.quantity
        if not money["chargeback"]:
            assert kept <= worth, f"paid and not delivered: {facts}"
        if bought.causes <= {"operator", "late"}:
            assert kept == worth, f"delivered and given back: {facts}"
            # Units of one line differ by no more than the smallest coin.
            most = bought.total * len(bought.given_up) // bought.quantity + len(bought.given_up)
            assert money["refund"] <= most, f"given back, and nobody asked for it: {facts}"
        if not bought.causes:
            due = bought.quantity - len(bought.given_up)
            assert got == due, f"not delivered, and nobody knows why: {facts}"
            assert kept == bought.total * due // bought.quantity, f"given back, and nobody knows why: {facts}"

    def _passes(self, time: timedelta) -> None:
        now = self.world.clock.now() + time
        for bought in self.bought:
            if now > bought.at + DEADLINE:
                bought.late()
        self.world.clock.offset += time

    def _pick(self, which: int) -> Bought:
        return self.bought[which % len(self.bought)]

    def _payment(self, bought: Bought) -> str | None:
        found = self.world.provider.get("payments", params={"reference": bought.reference}).json()["data"]
        return str(found[0]["id"]) if found else None

    def _obligations(self, bought: Bought) -> list[tuple[str, int]]:
        """Each obligation with the number of its unit."""
        with self.world.running.services.database.read() as session:
            query = (
                sa.select(Obligation.id, Unit.unit_no).join(Order, Order.id == Obligation.order_id)
                .join(Unit, Unit.id == Obligation.unit_id)
                .where(Order.number == bought.number).order_by(Unit.unit_no)
            )  # fmt: skip
            return [(obligation, unit_no) for obligation, unit_no in session.execute(query)]

    def _do(self, what: Any, run: Run) -> None:
        self.engine.places.run(what, run)
        if run.error is not None and not isinstance(run.error, Killed):
            raise run.error

"""The verdict: what the provider's ledger, the mail server, the post office and the customers' downloads say. None of
our own tables is read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from tests.chaos.people import Purchase
from tests.chaos.world import World

TERM_ENDS_AFTER = 5.0
"""Seconds: a mailbox's grace and limit."""
REFUSED = "post office"
"""The cause of a term's end: nobody who looked at the mailbox saw it for that long."""


@dataclass
class Money:
    """What the provider did under one of our references, in minor units."""

    captured: int = 0
    captures: int = 0
    refunded: int = 0
    charged_back: int = 0

    @property
    def kept(self) -> int:
        return self.captured - self.refunded - self.charged_back


@dataclass
class Verdict:
    """The counts, and a sentence for each order that is not as it should be."""

    orders: int = 0
    delivered: int = 0
    partly: int = 0
    refunded: int = 0
    charged_back: int = 0
    unpaid: int = 0
    open_debt: int = 0
    lost: int = 0
    double: int = 0
    unexplained: int = 0
    sentences: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if name != "sentences"}


def ledger(world: World) -> dict[str, Money]:
    """The provider's books, by our reference."""
    found: defaultdict[str, Money] = defaultdict(Money)
    for entry in world.shop.provider.http.get("/v1/ledger").json()["entries"]:
        money = found[entry["reference"]]
        if entry["kind"] == "capture":
            money.captured += entry["amount"]
            money.captures += 1
        elif entry["kind"] == "refund":
            money.refunded += entry["amount"]
        else:
            money.charged_back += entry["amount"]
    return found


def judge(world: World, purchases: list[Purchase]) -> Verdict:
    """Look at every order from outside."""
    verdict, books, looks = Verdict(), ledger(world), world.post_office.looks()
    known = {purchase.reference for purchase in purchases}
    for reference, money in books.items():
        if reference not in known and money.kept:
            verdict.lost += 1
            verdict.sentences.append(f"{money.kept} of {reference} belong to no order and were not given back")
    told = mails(world)
    for purchase in purchases:
        if not purchase.number:
            continue
        verdict.orders += 1
        if purchase.product == "mailboxes" and REFUSED not in purchase.causes:
            purchase.causes += [REFUSED] * (refused_seconds(looks, purchase) >= TERM_ENDS_AFTER)
        _judge_one(verdict, purchase, books.get(purchase.reference, Money()), told)
    _judge_mailboxes(verdict, world)
    return verdict


def _judge_one(verdict: Verdict, purchase: Purchase, money: Money, told: Mapping[str, Counter[str]]) -> None:
    def note(kind: str, problem: str) -> None:
        setattr(verdict, kind, getattr(verdict, kind) + 1)
        causes = ", ".join(purchase.causes) or "nothing"
        verdict.sentences.append(
            f"{kind}: {purchase.number} ({purchase.product} × {purchase.quantity}, {purchase.tried}; {causes}): "
            f"{problem}; captured {money.captured}, refunded {money.refunded}, charged back {money.charged_back}"
        )

    got, units = downloads(purchase)
    if money.captured == 0:
        verdict.unpaid += 1
        if got:
            note("double", f"{got} units were delivered for nothing")
        return
    if money.kept < 0:
        note("double", "more went back than came in")
        return
    if money.captures > 1 and money.kept > purchase.total:
        note("double", "it was charged more than once")
        return
    worth = purchase.total * got // max(1, units)
    explained = set(purchase.causes)
    if purchase.options.get("never"):
        explained.add("can't be made")
    if money.charged_back:
        verdict.charged_back += 1
        return
    if money.kept - purchase.total % max(1, units) > worth:
        note("lost", f"{got} of {units} units can be fetched")
    elif got == units and money.kept == money.captured:
        verdict.delivered += 1
    elif not explained:
        note("unexplained", f"{got} of {units} units can be fetched")
    elif money.kept == 0:
        verdict.refunded += 1
    else:
        verdict.partly += 1
    _judge_mails(note, purchase, money, got, told)


def _judge_mails(note: object, purchase: Purchase, money: Money, got: int, told: Mapping[str, Counter[str]]) -> None:
    assert callable(note)
    subjects = told.get(purchase.number, Counter())
    if not subjects:
        note("unexplained", "its customer was never written to")
    if purchase.quantity == 1 and subjects["ready"] > 1 and "operator" not in purchase.causes:
        note("double", f"{subjects['ready']} different mails say that it is ready")


def _judge_mailboxes(verdict: Verdict, world: World) -> None:
    for reference, (created, destroyed) in world.post_office.counts().items():
        if created - destroyed > 1:
            verdict.double += 1
            verdict.sentences.append(f"double: the mailbox {reference} was opened {created} times")


def downloads(purchase: Purchase) -> tuple[int, int]:
    """How many units the customer can fetch whole now, and how many were ordered."""
    order = purchase.customer.order(purchase.number)
    got = 0
    for unit in order["units"]:
        files = unit["artefacts"]
        answers = [purchase.customer.http.get(file["url"]) for file in files]
        sound = [
            answer.status_code == 200 and len(answer.content) == file["size"]
            for answer, file in zip(answers, files, strict=True)
        ]
        got += bool(files) and all(sound)
    return got, purchase.quantity


def refused_seconds(looks: Mapping[str, list[tuple[float, int]]], purchase: Purchase) -> float:
    """For how long at most, by the post office's own record, nobody who looked at the customer's mailbox saw it."""
    longest, since = 0.0, None
    for at, status in looks.get(_mailbox(purchase), []):
        since = None if status == 200 else since if since is not None else at
        longest = max(longest, at - since if since is not None else 0)
    return longest


def _mailbox(purchase: Purchase) -> str:
    [unit] = purchase.customer.order(purchase.number)["units"]
    files = unit["artefacts"]
    return purchase.customer.http.get(files[0]["url"]).text.partition("@")[0] if files else ""


def mails(world: World) -> dict[str, Counter[str]]:
    """By order number: how many different mails (by Message-ID) say what."""
    seen: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for mail in list(world.mail.mails):
        number = re.search(r"ORD-[0-9A-Z]{10}", f"{mail['Subject']} {mail.get_body(('plain',))}")
        if number:
            subject = str(mail["Subject"]).lower()
            kind = "ready" if "ready" in subject else "refund" if "refund" in subject or "money" in subject else "other"
            seen[number.group()][str(mail["Message-ID"])] = kind
    return {number: Counter(kinds.values()) for number, kinds in seen.items()}

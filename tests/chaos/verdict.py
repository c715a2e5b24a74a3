"""The verdict: what the provider's ledger, the mail server, the post office and the customers' downloads say. None of
our own tables is read."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from tests.chaos.people import TERM_SECONDS, Purchase
from tests.chaos.world import World

TERM_ENDS_AFTER = 5.0
"""Seconds: a mailbox's grace and limit."""
SLACK_SECONDS = 60.0
"""How long after its time a mailbox may still be open."""


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


@dataclass(frozen=True)
class Mailboxes:
    """What the post office has on record, by a mailbox's reference: when somebody looked at it and what they got, and
    when it was first opened and last taken back."""

    looks: Mapping[str, list[tuple[float, int]]]
    terms: Mapping[str, tuple[float, float | None]]

    def refused_seconds(self, reference: str) -> float:
        """For how long at most nobody who looked saw it."""
        longest, since = 0.0, None
        for at, status in self.looks.get(reference, []):
            since = None if status == 200 else since if since is not None else at
            longest = max(longest, at - since if since is not None else 0)
        return longest

    def seconds_too_early(self, reference: str) -> float:
        """How long before its time was over it was taken back; 0 if it was not, or is no mailbox."""
        since, ended = self.terms.get(reference, (0.0, None))
        return 0.0 if ended is None else max(0.0, TERM_SECONDS - (ended - since))


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
    verdict, books = Verdict(), ledger(world)
    office = Mailboxes(world.post_office.looks(), world.post_office.terms())
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
        _judge_one(verdict, purchase, books.get(purchase.reference, Money()), told, office)
    _judge_mailboxes(verdict, world, office)
    return verdict


def _judge_one(
    verdict: Verdict, purchase: Purchase, money: Money, told: Mapping[str, Counter[str]], office: Mailboxes
) -> None:
    def note(kind: str, problem: str) -> None:
        setattr(verdict, kind, getattr(verdict, kind) + 1)
        causes = ", ".join(purchase.causes) or "nothing"
        verdict.sentences.append(
            f"{kind}: {purchase.number} ({purchase.product} × {purchase.quantity}, {purchase.tried}; {causes}): "
            f"{problem}; captured {money.captured}, refunded {money.refunded}, charged back {money.charged_back}"
        )

    got, units, text = downloads(purchase)
    mailbox = text.partition("@")[0]
    if money.captured == 0:
        verdict.unpaid += 1
        if got:
            note("double", f"{got} units were delivered for nothing")
        return
    if money.kept < 0 or (money.captures > 1 and money.kept > purchase.total):
        note("double", "more went back than came in" if money.kept < 0 else "it was charged more than once")
        return
    worth = purchase.total * got // max(1, units)
    is_explained = (
        purchase.causes or purchase.options.get("never") or office.refused_seconds(mailbox) >= TERM_ENDS_AFTER
    )
    if money.charged_back:
        verdict.charged_back += 1
        return
    if money.kept - purchase.total % max(1, units) > worth:
        note("lost", f"{got} of {units} units can be fetched")
    elif got == units and money.kept == money.captured:
        verdict.delivered += 1
        _judge_term(note, office, mailbox)
    elif not is_explained:
        note("unexplained", f"{got} of {units} units can be fetched")
    elif money.kept == 0:
        verdict.refunded += 1
    else:
        verdict.partly += 1
    _judge_mails(note, purchase, told)


def _judge_term(note: Callable[[str, str], None], office: Mailboxes, mailbox: str) -> None:
    if (early := office.seconds_too_early(mailbox)) > 0:
        note("lost", f"its mailbox was taken back {early:.1f} s before its time was over")


def _judge_mails(note: Callable[[str, str], None], purchase: Purchase, told: Mapping[str, Counter[str]]) -> None:
    subjects = told.get(purchase.number, Counter())
    if not subjects:
        note("unexplained", "its customer was never written to")
    if purchase.quantity == 1 and subjects["ready"] > 1 and "operator" not in purchase.causes:
        note("double", f"{subjects['ready']} different mails say that it is ready")


def _judge_mailboxes(verdict: Verdict, world: World, office: Mailboxes) -> None:
    for reference, row in world.post_office.ledger().items():
        if row["created"] - row["destroyed"] > 1:
            verdict.double += 1
            verdict.sentences.append(f"double: the mailbox {reference} was opened {row['created']} times")
        if row["alive"] and (age := time.time() - office.terms[reference][0]) > TERM_SECONDS + SLACK_SECONDS:
            verdict.unexplained += 1
            verdict.sentences.append(f"unexplained: the mailbox {reference} was opened {age:.0f} s ago and still is")


def downloads(purchase: Purchase) -> tuple[int, int, str]:
    """How many units the customer can fetch whole now, how many were ordered, and what the first file says."""
    order = purchase.customer.order(purchase.number)
    got, first = 0, ""
    for unit in order["units"]:
        files = unit["artefacts"]
        answers = [purchase.customer.http.get(file["url"]) for file in files]
        first = first or (answers[0].text if answers and purchase.product == "mailboxes" else "")
        sound = [
            answer.status_code == 200 and len(answer.content) == file["size"]
            for answer, file in zip(answers, files, strict=True)
        ]
        got += bool(files) and all(sound)
    return got, purchase.quantity, first


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

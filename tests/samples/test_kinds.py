"""Four kinds of product, one shop: what each needs of the platform beyond make and verify."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.samples.post_office import PostOffice
from tests.shops import SAMPLES, Customer, MailServer, Shop, until

SECONDS = 90
"""How long anything may take: on a busy machine a term's looks come late, and each counts for one interval at most."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path_factory.mktemp("post-office"))
    office.start()
    yield office
    office.stop()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, office: PostOffice) -> Iterator[Shop]:
    mail = MailServer().start()
    env = {"MAILBOX_SERVER": office.url, "MAKEGOOD_PROBE_SECONDS": "0.3"}
    with Shop(tmp_path_factory.mktemp("kinds"), sells=SAMPLES, mail=mail, **env) as running:
        yield running
    mail.stop()


def ordered(customer: Customer, draft: str, email: str = "kim@example.com", **wanted: Any) -> dict[str, Any]:
    """The draft, ordered, paid and at rest."""
    number = customer.checkout(draft, email=email, **wanted)["number"]
    customer.shop.provider.act(customer.payable(number)["ref"])
    return customer.at_rest(number)


def mails(shop: Shop, email: str, words: str) -> list[str]:
    """The texts of the mails to this address whose subject has these words."""
    assert shop.mail is not None
    found = [mail for mail in shop.mail.to(email) if words in str(mail["Subject"])]
    return [str(mail.get_body(("plain",)).get_content()) for mail in found]  # type: ignore[union-attr]


# A batch


def test_two_hundred_in_chunks_are_delivered_but_for_those_that_fail_for_ever(shop: Shop) -> None:
    customer, email = shop.customer(), "batch@example.com"
    draft = customer.draft({}, "stickers", later=[3, 28], never=[7, 130])

    order = ordered(customer, draft, email, quantity=200)

    assert order["state"] == "partly_delivered"
    by_no = {unit["no"]: unit for unit in order["units"]}
    assert {no for no, unit in by_no.items() if unit["delivery"] != "delivered"} == {7, 130}
    assert {no for no, unit in by_no.items() if unit["attempt"] == 2} == {3, 28}
    assert shop.provider.kept(order["payment"]["id"]) == order["total"]["minor"] - 2 * 7
    files = {unit["artefacts"][0]["sha256"] for no, unit in by_no.items() if no not in (7, 130)}
    assert len(files) == 198
    assert "moon" not in customer.http.get(by_no[28]["artefacts"][0]["url"]).text
    until(lambda: mails(shop, email, "is ready"), SECONDS, "the mail about the batch")
    [told] = mails(shop, email, "is ready")
    assert "We made 198 of 200. 2 could not be made" in told
    assert "first 10 of 198" in told
    until(lambda: mails(shop, email, "on its way back"), SECONDS, "the mail about the money")
    [told] = mails(shop, email, "on its way back")
    assert "$0.14" in told
    assert "in 2 parts" in told
    assert told.count("This sticker can't be printed") == 1


def test_more_than_a_product_allows_cant_be_ordered_at_once(shop: Shop) -> None:
    customer = shop.customer()
    for product, most in (("stickers", 500), ("notes", 20)):
        where = f"/api/v1/drafts/{customer.draft({}, product)}/quote"
        customer.expect(200, "POST", where, json={"quantity": most})
        customer.refused(422, "QUANTITY_INVALID", "POST", where, json={"quantity": most + 1})


# A job before payment


def test_a_tune_is_heard_before_it_is_paid_for_and_delivered_as_it_was_heard(shop: Shop) -> None:
    customer = shop.customer()
    draft = customer.draft({}, "tunes", notes=5)
    where = f"/api/v1/drafts/{draft}"
    assert customer.expect(200, "GET", f"{where}/job") is None
    customer.refused(409, "JOB_NOT_FINISHED", "POST", f"{where}/quote", json={})
    job = customer.made(draft)
    assert (job["made"], job["progress"], job["stale"]) == (["tune.wav"], 1.0, False)
    assert customer.made(draft)["id"] == job["id"]
    heard = customer.http.get(f"{where}/preview").content

    order = ordered(customer, draft)

    [tune] = order["units"][0]["artefacts"]
    paid_for = customer.http.get(tune["url"]).content
    assert paid_for[44:].startswith(heard[44:])
    assert len(paid_for) > len(heard)
    [made] = (shop.home / "objects" / "jobs" / job["id"]).rglob("*/*")
    assert made.read_bytes() == paid_for


@pytest.mark.parametrize("damage", ["lost", "damaged"])
def test_what_the_job_made_is_made_again_if_it_is_gone_when_it_is_paid_for(shop: Shop, damage: str) -> None:
    customer = shop.customer()
    draft = customer.draft({}, "tunes", notes=6)
    job = customer.made(draft)
    number = customer.checkout(draft)["number"]
    [made] = (shop.home / "objects" / "jobs" / job["id"]).rglob("*/*")
    heard = made.read_bytes()
    made.unlink() if damage == "lost" else made.write_bytes(heard[:-1] + b"?")

    shop.provider.act(customer.payable(number)["ref"])

    order = customer.at_rest(number)
    assert order["state"] == "delivered"
    assert customer.http.get(order["units"][0]["artefacts"][0]["url"]).content == heard


def test_a_changed_draft_has_a_stale_job_that_sells_nothing(shop: Shop) -> None:
    customer = shop.customer()
    draft = customer.draft({}, "tunes", notes=4)
    where = f"/api/v1/drafts/{draft}"
    customer.made(draft)
    customer.expect(200, "PATCH", where, json={"options": {"notes": 5}})

    assert customer.expect(200, "GET", f"{where}/job")["stale"] is True
    customer.refused(409, "JOB_NOT_FINISHED", "POST", f"{where}/quote", json={})
    again = customer.made(draft)
    assert again["stale"] is False
    assert customer.quote(draft)


def test_a_job_is_cancelled_and_can_be_asked_for_again(shop: Shop) -> None:
    customer = shop.customer()
    draft = customer.draft({}, "tunes", notes=3, slowness=1)
    where = f"/api/v1/drafts/{draft}/job"
    first = customer.expect(202, "POST", where)
    until(lambda: customer.expect(200, "GET", where)["progress"] > 0, SECONDS, "some progress")
    assert customer.expect(200, "DELETE", where)["state"] == "cancelled"

    again = customer.made(draft)

    assert again["id"] != first["id"]


def test_a_job_that_takes_too_long_fails_after_its_tries_and_says_so(shop: Shop) -> None:
    customer = shop.customer()
    draft = customer.draft({}, "tunes", notes=8, slowness=1)
    where = f"/api/v1/drafts/{draft}/job"
    customer.expect(202, "POST", where)

    job = until(lambda: (j := customer.expect(200, "GET", where))["ended_at"] and j, SECONDS, "the end of the job")

    assert (job["state"], job["attempt"], job["problem"]["code"]) == ("failed", 2, "JOB_TOOK_TOO_LONG")


# A term


def mailbox(order: dict[str, Any]) -> str:
    """The reference of an order's mailbox."""
    return str(order["units"][0]["artefacts"][0]["file_name"])


def bought_mailbox(shop: Shop, office: PostOffice, email: str = "kim@example.com", **options: Any) -> tuple[Any, str]:
    """An order of a mailbox that is delivered, and the mailbox's reference."""
    customer = shop.customer()
    before = set(office.ledger())
    order = ordered(customer, customer.draft({}, "mailboxes", **options), email)
    [reference] = set(office.ledger()) - before
    return (customer, order), reference


def test_a_mailbox_is_kept_for_its_term_and_given_back_after_it(shop: Shop, office: PostOffice) -> None:
    (customer, order), reference = bought_mailbox(shop, office, seconds=8)
    assert office.ledger()[reference] == {"alive": 1, "created": 1, "destroyed": 0}

    until(lambda: not office.ledger()[reference]["alive"], SECONDS, "the end of the mailbox")

    assert office.counts()[reference] == (1, 1)
    [term] = customer.order(order["number"])["units"][0]["commitments"]
    assert term["state"] == "over"
    assert time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) >= term["until"][:19]


def test_a_mailbox_that_vanished_is_made_again_and_nothing_is_paid_back(shop: Shop, office: PostOffice) -> None:
    (customer, order), reference = bought_mailbox(shop, office, seconds=3600)

    office.lose(reference)

    until(lambda: office.ledger()[reference]["alive"], SECONDS, "the restored mailbox")
    events = until(
        lambda: (e := [entry["event"] for entry in customer.order(order["number"])["timeline"]])
        and "commitment.restored" in e and e, SECONDS, "the word of it",
    )  # fmt: skip
    assert office.counts()[reference] == (2, 0)
    assert "commitment.broken" not in events
    after = customer.order(order["number"])
    assert (after["state"], after["units"][0]["attempt"]) == ("delivered", 2)
    assert customer.http.get(after["units"][0]["artefacts"][0]["url"]).text.startswith(reference)
    assert shop.provider.kept(order["payment"]["id"]) == 1000


def test_what_cant_be_restored_is_paid_back_for_the_time_that_was_left(shop: Shop, office: PostOffice) -> None:
    email = "broken@example.com"
    (customer, order), reference = bought_mailbox(shop, office, email, seconds=100)
    office.be(fails="PUT")
    try:
        office.lose(reference)
        until(lambda: mails(shop, email, "could not keep"), SECONDS, "the mail about the broken term")
    finally:
        office.be()

    kept = until(
        lambda: (k := shop.provider.kept(order["payment"]["id"])) < 1000 and k, SECONDS, "the share that goes back"
    )
    assert 0 < kept < 300  # a little of 100 seconds had been used
    after = customer.order(order["number"])
    assert after["units"][0]["commitments"][0]["state"] == "broken"
    assert after["units"][0]["delivery"] == "delivered"


def test_a_shop_that_can_not_look_breaks_no_promise(shop: Shop, office: PostOffice) -> None:
    (customer, order), reference = bought_mailbox(shop, office, seconds=3600)
    [points] = (shop.home.parent / "site").glob("*/entry_points.txt")
    whole = points.read_text()
    points.write_text(whole.replace("tests.samples.mailboxes:", "tests.samples.gone:"))
    shop.restart()
    # Longer than the mailboxes' grace and limit together: were it held against the mailbox, its money would go back.
    time.sleep(7)
    points.write_text(whole)
    shop.restart()

    customer.at_rest(order["number"])
    assert customer.order(order["number"])["units"][0]["commitments"][0]["state"] == "standing"
    assert office.counts()[reference] == (1, 0)
    assert shop.provider.kept(order["payment"]["id"]) == 1000


def test_only_the_time_in_which_it_was_seen_failing_counts_against_a_term(tmp_path: Path, office: PostOffice) -> None:
    env = {"MAILBOX_SERVER": office.url, "MAKEGOOD_PROBE_SECONDS": "0.3"}
    with Shop(tmp_path, sells=SAMPLES, **env) as shop:
        (customer, order), reference = bought_mailbox(shop, office, seconds=36_000, patience=120)

        def state() -> str:
            return str(customer.order(order["number"])["units"][0]["commitments"][0]["state"])

        def failed_looks() -> int:
            return sum(status != 200 for _, status in office.looks()[reference])

        try:
            office.be(fails="GET")
            until(lambda: failed_looks() >= 2, SECONDS, "failed looks")
            # Nobody looks for a quarter of an hour; or whoever looks next has a clock that is that much off.
            shop.restart(MAKEGOOD_TEST_CLOCK_SECONDS="900")
            before = failed_looks()
            until(lambda: failed_looks() >= before + 3 or state() != "standing", SECONDS, "more failed looks")
        finally:
            office.be()

        assert state() == "standing"
        assert shop.provider.kept(order["payment"]["id"]) == 1000


def test_two_renewals_prolong_the_same_mailbox_twice(shop: Shop, office: PostOffice) -> None:
    (customer, order), reference = bought_mailbox(shop, office, seconds=3600)
    [unit] = order["units"]
    numbers = []
    for _ in range(2):
        draft = customer.draft({}, "mailboxes", seconds=1800)
        numbers.append(customer.checkout(draft, renews=unit["id"])["number"])
    refs = [customer.payable(number)["ref"] for number in numbers]

    for ref in refs:
        shop.provider.act(ref)

    assert [customer.at_rest(number)["state"] for number in numbers] == ["delivered", "delivered"]
    terms = customer.order(order["number"])["units"][0]["commitments"]
    assert [term["state"] for term in terms] == ["standing"] * 3
    assert [earlier["until"] for earlier in terms[:-1]] == [later["since"] for later in terms[1:]]
    assert office.counts()[reference] == (1, 0)
    assert Counter(counts for counts in office.counts().values())[1, 0] >= 1


def test_a_renewal_that_was_given_back_leaves_its_place_to_the_next_one(shop: Shop, office: PostOffice) -> None:
    (customer, order), _ = bought_mailbox(shop, office, seconds=3600)
    [unit] = order["units"]

    def renewed() -> tuple[str, list[dict[str, Any]]]:
        number = customer.checkout(customer.draft({}, "mailboxes", seconds=1800), renews=unit["id"])["number"]
        ref = customer.payable(number)["ref"]
        shop.provider.act(ref)
        assert customer.at_rest(number)["state"] == "delivered"
        return ref, terms()

    def terms() -> list[dict[str, Any]]:
        return list(customer.order(order["number"])["units"][0]["commitments"])

    ref, (_, given_back) = renewed()
    shop.provider.http.post(f"/v1/test/payments/{ref}/refund_from_dashboard", json={}).raise_for_status()
    until(lambda: [term["state"] for term in terms()] == ["standing", "over"], SECONDS, "the renewal's end")

    _, after = renewed()

    [renewal] = [term for term in after if term["state"] == "standing" and term["since"] == given_back["since"]]
    assert renewal["until"] == given_back["until"]


def test_a_period_that_ended_while_it_failed_is_paid_back_for_that_time(shop: Shop, office: PostOffice) -> None:
    (customer, order), reference = bought_mailbox(shop, office, seconds=20, patience=20)
    draft = customer.draft({}, "mailboxes", seconds=100)
    renewal = customer.checkout(draft, renews=order["units"][0]["id"])["number"]
    shop.provider.act(customer.payable(renewal)["ref"])
    paid = customer.at_rest(renewal)["payment"]["id"]
    office.be(fails="PUT")
    try:
        office.lose(reference)
        until(lambda: shop.provider.kept(paid) < 1000, SECONDS, "the renewal being given back")
    finally:
        office.be()

    until(lambda: shop.provider.kept(order["payment"]["id"]) < 1000, SECONDS, "the first period's share")
    terms = customer.order(order["number"])["units"][0]["commitments"]
    assert [term["state"] for term in terms] == ["over", "broken"]
    assert shop.provider.kept(order["payment"]["id"]) > 0
    assert shop.provider.kept(paid) == 0


def test_only_its_owner_renews_and_only_what_is_running(shop: Shop, office: PostOffice) -> None:
    (customer, order), reference = bought_mailbox(shop, office, seconds=2)
    [unit] = order["units"]
    stranger = shop.customer()

    def renewing(who: Customer, product: str = "mailboxes") -> dict[str, Any]:
        draft = who.draft({}, product)
        body = {"email": "eve@example.com", "quote": who.quote(draft), "renews": unit["id"]}
        answer = who.http.post(
            f"/api/v1/drafts/{draft}/checkout", json=body, headers={"Idempotency-Key": f"{draft}-renews"}
        )
        return {"status": answer.status_code, "code": answer.json().get("code")}

    assert renewing(stranger) == {"status": 404, "code": "NOT_FOUND"}
    assert renewing(customer, "notes") == {"status": 409, "code": "RENEWAL_REFUSED"}
    until(lambda: not office.ledger()[reference]["alive"], SECONDS, "the end of the mailbox")
    assert renewing(customer) == {"status": 409, "code": "RENEWAL_REFUSED"}


def test_what_was_begun_outside_is_undone_when_it_is_refunded_before_delivery(
    tmp_path: Path, office: PostOffice
) -> None:
    env = {"MAILBOX_SERVER": office.url, "MAKEGOOD_DEADLINE_HOURS": "0.0008"}
    before = set(office.ledger())
    with Shop(tmp_path, sells=SAMPLES, **env) as shop:
        customer = shop.customer()
        # Killed when the mailbox is there and nobody has written that down; then it can't be undone at first.
        shop.die_at("mailboxes.open:after")
        number = customer.buy("mailboxes")
        shop.wait_for_death()
        [reference] = set(office.ledger()) - before
        office.be(fails="GET DELETE")
        try:
            shop.start()
            order = customer.at_rest(number)
        finally:
            assert office.ledger()[reference]["alive"] == 1
            office.be()

        assert order["state"] == "refunded"
        until(lambda: office.counts()[reference] == (1, 1), SECONDS, "the mailbox going back")
        assert shop.provider.kept(order["payment"]["id"]) == 0

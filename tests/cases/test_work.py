"""Work that was never begun, begun for ever, done in part, or done twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cases.corner import SECONDS, Bought, CornerShop, draft_of, order
from tests.shops import objects, until

UNFINISHED = "('PENDING', 'ENQUEUED', 'DELAYED')"


def obligation(shop: CornerShop, bought: Bought) -> str:
    """The id of what is owed of an order with one unit."""
    [[found]] = shop.sql(
        f"SELECT b.id FROM obligation b JOIN \"order\" o ON o.id = b.order_id WHERE o.number = '{bought.number}'"
    )
    return str(found)


def forget(shop: CornerShop, bought: Bought) -> None:
    """The engine loses all work on an order, as a queue in memory does."""
    owed = obligation(shop, bought)
    shop.sql(f"DELETE FROM workflow_status WHERE workflow_uuid LIKE '{owed}/%'")


@contextmanager
def picture_away(shop: CornerShop, content: bytes) -> Iterator[None]:
    """An upload can't be read meanwhile."""
    [given] = shop.stored(content)
    away = given.rename(shop.home / "away")
    yield
    away.rename(given)


def test_a_missing_plan_that_is_skipped_and_an_exception_that_is_swallowed(shop: CornerShop) -> None:
    bought = order(shop, "stickers", never=[1])
    bought.pay()

    done = bought.at_rest()

    [unit] = done["units"]
    assert (done["state"], unit["problem"]["code"]) == ("refunded", "STICKER_UNPRINTABLE")
    assert shop.provider.kept(bought.reference) == 0
    assert "can't be printed" in shop.mailed(bought.email, "could not make")
    code, told = shop.run("orders", "show", bought.number)
    assert (code, "STICKER_UNPRINTABLE" in told) == (0, True)


def test_a_failed_enqueue_that_is_swallowed_and_processing_for_ever(shop: CornerShop) -> None:
    bought = order(shop, text="queued at last")
    shop.sql(
        "CREATE TRIGGER full_queue BEFORE INSERT ON workflow_status BEGIN INSERT INTO nowhere_at_all VALUES (1); END"
    )
    try:
        bought.pay(webhook="never")
        # The return page asks for it, and so does the sweep, meanwhile.
        where = f"{shop.url}/api/v1/orders/{bought.number}/settle"
        refused = bought.customer.http.post(where)
        time.sleep(1)
        seen = bought.seen()
    finally:
        shop.sql("DROP TRIGGER full_queue")

    # Not called paid and in progress while nothing will ever work on it.
    assert refused.status_code >= 500
    assert (seen["state"], seen["units"][0]["delivery"]) == ("awaiting_payment", "waiting")
    assert [note.split(b"\n")[0] for note in bought.delivered()] == [b"queued at last"]


def test_a_queue_in_memory_that_is_gone_at_a_restart(shop: CornerShop) -> None:
    bought = order(shop, "stickers", wanted={"quantity": 5})
    shop.die_at("settle:after")
    bought.pay()
    shop.wait_for_death()
    shop.sql(f"DELETE FROM workflow_status WHERE status IN {UNFINISHED}")

    shop.start()

    assert len(set(bought.delivered())) == 5


def test_no_worker_runs_and_the_api_says_started(shop: CornerShop) -> None:
    customer = shop.customer()
    draft = draft_of(customer, "tunes", notes=2)
    bought = order(shop, text="written once somebody works")
    shop.restart(MAKEGOOD_WORK="false")
    where = f"/api/v1/drafts/{draft}/job"

    asked = customer.expect(202, "POST", where)
    bought.pay(webhook="never")
    settled = bought.customer.expect(200, "POST", f"/api/v1/orders/{bought.number}/settle")

    assert (asked["state"], asked["started_at"]) == ("queued", None)
    assert settled["units"][0]["delivery"] == "owed"
    until(lambda: "nobody works" in str(shop.health()), SECONDS, "health naming it")
    assert shop.health()[0] == 503
    job = customer.expect(200, "GET", where)
    assert (job["state"], job["started_at"]) == ("queued", None)
    shop.restart()
    assert len(bought.delivered()) == 1
    until(lambda: customer.expect(200, "GET", where)["state"] == "completed", SECONDS, "the tune")


def test_no_time_limit_and_one_stuck_job_blocks_all(shop: CornerShop) -> None:
    stuck = [shop.customer() for _ in range(6)]
    drafts = [draft_of(customer, "tunes", notes=8, slowness=1) for customer in stuck]
    places = [f"/api/v1/drafts/{draft}/job" for draft in drafts]
    for customer, where in zip(stuck, places, strict=True):
        customer.expect(202, "POST", where)
    bought = order(shop, text="past them all")
    bought.pay()

    assert len(bought.delivered()) == 1

    # Those who gave up waiting make room; for the others the time is over.
    for customer, where in list(zip(stuck, places, strict=True))[1:]:
        customer.expect(200, "DELETE", where)
    job = until(
        lambda: (j := stuck[0].expect(200, "GET", places[0]))["ended_at"] and j, SECONDS, "the end of the stuck job"
    )
    assert (job["state"], job["problem"]["code"]) == ("failed", "JOB_TOOK_TOO_LONG")


def test_four_ordered_one_returned(shop: CornerShop) -> None:
    bought = order(shop, text="four of these", wanted={"quantity": 4})
    bought.pay()

    notes = bought.delivered()

    assert [note.split()[-2] for note in notes] == [b"1", b"2", b"3", b"4"]
    urls = bought.urls()
    told = shop.mailed(bought.email, "is ready")
    assert len(set(urls)) == 4
    assert all(url in told for url in urls)
    assert all(url.partition("/d/")[2] in bought.page() for url in urls)


@pytest.mark.parametrize("quantity", [1, 3])
def test_a_quantity_and_an_image_that_are_read_from_the_wrong_level(shop: CornerShop, quantity: int) -> None:
    customer = shop.customer()
    options = {"quantity": 7}
    customer.refused(422, "OPTION_INVALID", "POST", "/api/v1/drafts", json={"product": "stickers", "options": options})
    wanted = {"quantity": quantity}
    sheets = order(shop, "stickers", motif="moon", wanted=wanted)
    copper = order(shop, "engravings", b"her own picture", wanted=wanted)
    for bought in (sheets, copper):
        bought.pay()

    stickers, pictures = sheets.delivered(), copper.delivered()

    assert [b">moon " in sticker for sticker in stickers] == [True] * quantity
    assert pictures == [b"engraved: her own picture"] * quantity
    [asked] = shop.provider.payments(copper.reference)
    assert asked["amount"] == quantity * 357


def test_delivered_without_anything_to_open(shop: CornerShop) -> None:
    bought = order(shop, text="made, then lost")
    shop.die_at("notes.write:recorded")
    bought.pay()
    shop.wait_for_death()
    [made] = [path for path, has in objects(shop.home).items() if bought.number.encode() in has]
    made.unlink()

    shop.start()

    [note] = bought.delivered()
    assert note.startswith(b"made, then lost\n" + bought.number.encode())


def test_recovery_by_a_time_window_that_duplicates_or_misses(shop: CornerShop) -> None:
    old, new = order(shop, "engravings", b"paid long ago"), order(shop, text="paid just now")
    new.pay()
    new.delivered()
    with picture_away(shop, b"paid long ago"):
        old.pay()
        old.waits_for()
        forget(shop, old)
        long_ago = "'2020-01-01' || substr(owed_at, 11)"
        shop.sql(f"UPDATE obligation SET owed_at = {long_ago} WHERE id = '{obligation(shop, old)}'")

    for _ in range(2):
        code, told = shop.run("recover")
        assert (code, new.number in told) == (0, False)

    assert old.delivered() == [b"engraved: paid long ago"]
    assert shop.stored(b"engraved: paid long ago") != []
    until(lambda: shop.mails(old.email, "is ready"), SECONDS, "the mail")
    assert len(shop.mails(old.email, "is ready")) == 1
    assert new.events("obligation.delivered") == 1

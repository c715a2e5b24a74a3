"""What was told to customers and operators, and was not so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.cases.corner import SECONDS, CornerShop, order
from tests.shops import until


@contextmanager
def no_post(shop: CornerShop) -> Iterator[None]:
    """The mail server is away meanwhile."""
    shop.post.stop()
    try:
        yield
    finally:
        shop.post.start()


@contextmanager
def no_store(shop: CornerShop) -> Iterator[None]:
    """The folder of objects is away meanwhile, as when a volume isn't mounted."""
    away = (shop.home / "objects").rename(shop.home / "unmounted")
    (shop.home / "objects").mkdir()
    try:
        yield
    finally:
        assert list((shop.home / "objects").iterdir()) == []
        (shop.home / "objects").rmdir()
        away.rename(shop.home / "objects")


def test_sent_without_a_key(shop: CornerShop) -> None:
    bought = order(shop)
    with no_post(shop):
        bought.pay()
        bought.delivered()
        until(lambda: untold(shop, bought.email), SECONDS, "a try at sending")
        assert bought.events("mail.accepted") == 0
        assert "We are mailing you" in bought.page()

    link = next(word for word in shop.mailed(bought.email, "is ready").split() if "/d/" in word)
    assert httpx.get(link).content == bought.files()[0]
    until(lambda: bought.events("mail.accepted") == 2, SECONDS, "the receipt and the delivery being noted as sent")


def untold(shop: CornerShop, email: str) -> bool:
    """Whether a mail to this address was tried and not taken."""
    query = f"SELECT 1 FROM mail WHERE \"to\" = '{email}' AND state = 'waiting' AND last_error IS NOT NULL"
    return bool(shop.sql(query))


def test_a_mail_that_nobody_awaits(shop: CornerShop) -> None:
    bought = order(shop)
    shop.post.answers[bought.email] = ["451 come back later", "421 too busy", "451 not yet"]
    bought.pay()
    bought.delivered()

    until(lambda: len(shop.mails(bought.email, "")) == 2, SECONDS, "the receipt and the delivery")

    assert shop.post.answers[bought.email] == []
    assert len({mail["Message-ID"] for mail in shop.post.to(bought.email)}) == 2


def test_an_archive_that_fails_while_the_state_says_completed(shop: CornerShop) -> None:
    bought = order(shop, text="kept before it is called done")
    with no_store(shop):
        bought.pay()
        assert bought.waits_for() == "STORAGE_AWAY"
        seen = bought.seen()
        assert (seen["state"], seen["units"][0]["delivery"]) == ("in_progress", "making")
        assert shop.mails(bought.email, "is ready") == []

    [note] = bought.delivered()
    assert note.startswith(b"kept before it is called done")
    assert len(shop.stored(note)) == 1


def test_a_missing_table_that_is_shown_as_zeros(shop: CornerShop) -> None:
    bought = order(shop)
    bought.pay()
    files = bought.delivered()
    shop.sql("ALTER TABLE artefact RENAME TO kept")
    try:
        until(lambda: not shop.is_healthy(), SECONDS, "health naming it")
        assert shop.health()[1]["issues"]["missingTables"] == ["artefact"]
        problem = bought.customer.refused(503, "SCHEMA_DAMAGED", "GET", f"/api/v1/orders/{bought.number}")
        assert "units" not in problem
        page = bought.customer.http.get(f"/orders/{bought.number}")
        assert (page.status_code, "Nothing is lost" in page.text) == (503, True)
        code, told = shop.run("proof")
        assert (code, "artefact" in told) == (1, True)
    finally:
        shop.sql("ALTER TABLE kept RENAME TO artefact")
    until(shop.is_healthy, SECONDS, "health after the repair")
    assert bought.files() == files


def test_a_health_check_that_does_not_look(shop: CornerShop) -> None:
    assert shop.is_healthy()
    assert shop.health()[1]["issues"] == {}

    with no_store(shop):
        until(lambda: "storage" in shop.health()[1]["issues"], SECONDS, "health naming the store")
        assert shop.health()[0] == 503
    until(shop.is_healthy, SECONDS, "health after the repair")
    with no_post(shop):
        code, told = shop.run("doctor")
    assert code == 1
    assert any("✗" in line and "mail" in line for line in told.splitlines())

"""The folder of objects that is gone, the mail server that doesn't know the shop: named everywhere, waited for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.health.toyshop import Toyshop, bought, payable, waiting_for
from tests.notify.mail_server import MailServer
from tests.shops import until


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    server = MailServer(user="shop", password="right-and-long").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shop(mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toyshop]:
    """A shop whose mail log-in is right, until a test changes the password at the server."""
    with Toyshop(
        tmp_path_factory.mktemp("toys"), MAKEGOOD_SMTP_HOST="127.0.0.1", MAKEGOOD_SMTP_PORT=str(mail_server.port),
        MAKEGOOD_SMTP_USER="shop", MAKEGOOD_SMTP_PASSWORD="right-and-long", MAKEGOOD_SMTP_TLS="none",
    ) as running:  # fmt: skip
        yield running


def test_a_folder_of_objects_that_is_gone_is_named_and_nothing_is_stored_in_its_place(shop: Toyshop) -> None:
    late, paid = payable(shop, "kites")
    early, delivered = bought(shop, "marbles")
    assert shop.is_healthy()
    objects, away = shop.home / "objects", shop.home / "unmounted"
    mark = shop.log.stat().st_size
    shop.stop()
    objects.rename(away)
    objects.mkdir()
    shop.start()

    until(lambda: "is not the shop's object store" in shop.said_since(mark), 10, "the start naming it")
    status, health = shop.health()
    assert (status, health["status"]) == (503, "degraded")
    assert str(objects) in str(health["issues"]["storage"])
    code, told = shop.run("doctor")
    assert code == 1
    assert "Mount or move the folder with the objects back" in told
    url = early.order(delivered["number"])["units"][0]["artefacts"][0]["url"]
    page = early.http.get(url)
    assert (page.status_code, "STORAGE_AWAY" in page.text) == (503, True)
    assert "Nothing is lost" in page.text
    shop.provider.act(paid["ref"])
    assert waiting_for(late, paid["number"]) == "STORAGE_AWAY"
    assert list(objects.iterdir()) == []

    objects.rmdir()
    away.rename(objects)
    assert late.at_rest(paid["number"])["state"] == "delivered"
    assert early.http.get(url).text == "Marble: "
    until(shop.is_healthy, 20, "health after the repair")


def test_a_mail_log_in_that_is_wrong_is_named_and_the_mail_comes_after_the_repair(
    shop: Toyshop, mail_server: MailServer
) -> None:
    mark = shop.log.stat().st_size
    shop.stop()
    right, mail_server._login = mail_server._login, None
    shop.start()

    until(lambda: "does not accept this shop" in shop.said_since(mark), 10, "the start naming it")
    status, health = shop.health()
    assert (status, health["status"]) == (503, "degraded")
    assert "MAKEGOOD_SMTP_" in str(health["issues"]["mail"])
    code, told = shop.run("doctor")
    assert code == 1
    assert "535" in told
    assert "right-and-long" not in told + str(health) + shop.said_since(mark)

    # What is bought is delivered all the same, and its page says that the mail is still on its way.
    customer, order = bought(shop, "marbles")
    assert "We are mailing you" in customer.http.get(f"/orders/{order['number']}").text
    assert not any(order["number"] in str(mail) for mail in mail_server.mails)

    mail_server._login = right
    until(lambda: any(order["number"] in str(mail) for mail in mail_server.mails), 30, "the mail after the repair")
    until(shop.is_healthy, 20, "health after the repair")

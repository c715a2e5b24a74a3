"""Looking an order up by number and address, by somebody who wants to know who bought."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from makegood.notify.letters import OrderLink
from tests.shops import MailServer, Shop, until

SECONDS = 30
PROXY = "127.0.0.30"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    mail = MailServer().start()
    folder, sells = tmp_path_factory.mktemp("look-up"), ("tests.samples.notes",)
    with Shop(folder, sells=sells, mail=mail, MAKEGOOD_TRUSTED_PROXIES=PROXY) as running:
        yield running
    mail.stop()


class Somebody:
    """A browser at a network address of its own."""

    def __init__(self, shop: Shop, address: str) -> None:
        transport = httpx.HTTPTransport(local_address=address)
        self.http = httpx.Client(base_url=shop.url, timeout=60, transport=transport)

    def asks(self, where: str, number: str, email: str) -> tuple[int, str]:
        """The status and what is said."""
        asked = {"number": number, "email": email}
        if where == "page":
            answer = self.http.post("/orders", data=asked)
            return answer.status_code, answer.text
        answer = self.http.post("/api/v1/orders/lookup", json=asked)
        return answer.status_code, str(answer.json()["detail"])


def ordered(shop: Shop, email: str) -> str:
    customer = shop.customer()
    return str(customer.checkout(customer.draft({}, "notes"), email=email)["number"])


def links(shop: Shop, email: str, number: str) -> int:
    """How many mails with the link to this order have come."""
    assert shop.mail is not None
    subject = OrderLink(order_number=number, order_url="").subject
    return sum(str(mail["Subject"]) == subject for mail in shop.mail.to(email))


@pytest.mark.parametrize(("where", "address"), [("api", "127.0.0.11"), ("page", "127.0.0.12")])
def test_the_answers_do_not_tell_whose_order_it_is(shop: Shop, where: str, address: str) -> None:
    email = f"{where}@example.com"
    number = ordered(shop, email)
    somebody = Somebody(shop, address)

    right = [somebody.asks(where, number, email) for _ in range(7)]
    wrong = [somebody.asks(where, number, "other@example.com") for _ in range(7)]
    nothing = [somebody.asks(where, "ORD-0000000000", email) for _ in range(7)]

    assert [status for status, _ in right] == [*[202 if where == "api" else 200] * 5, 429, 429]
    assert [status for status, _ in wrong] == [status for status, _ in right]
    assert [status for status, _ in nothing] == [status for status, _ in right]
    if where == "api":
        assert right == wrong == nothing
    until(lambda: links(shop, email, number), SECONDS, "the mail with the link")


def test_a_number_written_in_another_way_is_the_same_pair(shop: Shop) -> None:
    email = "ways@example.com"
    number = ordered(shop, email)
    somebody = Somebody(shop, "127.0.0.13")
    ways = [number, number.lower(), f" {number} ", number.removeprefix("ORD-"), number]
    assert {somebody.asks("api", way, email.upper())[0] for way in ways} == {202}
    assert somebody.asks("api", number, f" {email}")[0] == 429


def test_an_address_is_found_as_its_owner_writes_it(shop: Shop) -> None:
    email = "anna@MÜNCHEN.example"
    number = ordered(shop, email)

    assert Somebody(shop, "127.0.0.17").asks("api", number, email)[0] == 202

    until(lambda: links(shop, "anna@xn--mnchen-3ya.example", number), SECONDS, "the mail with the link")


def test_guesses_from_one_network_address_come_to_an_end(shop: Shop) -> None:
    email = "guessed@example.com"
    number = ordered(shop, email)
    guesser = Somebody(shop, "127.0.0.14")
    guesses = [guesser.asks("api", number, f"guess{n}@example.com")[0] for n in range(31)]
    assert guesses == [*[202] * 30, 429]
    assert guesser.asks("api", number, email)[0] == 429
    assert Somebody(shop, "127.0.0.15").asks("api", number, email)[0] == 202


@pytest.mark.parametrize(("last", "address"), [(202, PROXY), (429, "127.0.0.31")])
def test_where_somebody_is_is_told_only_by_a_trusted_proxy(shop: Shop, last: int, address: str) -> None:
    through = Somebody(shop, address)
    for n in range(31):
        through.http.headers["X-Forwarded-For"] = f"198.51.100.{n}"
        answer = through.asks("api", "ORD-0000000000", f"proxied{n}@example.com")[0]
    assert answer == last


def test_who_was_mailed_enough_is_not_mailed_again_and_nobody_is_told(shop: Shop) -> None:
    email = "often@example.com"
    first, second = ordered(shop, email), ordered(shop, email)
    somebody = Somebody(shop, "127.0.0.16")
    answers = [somebody.asks("api", first, email) for _ in range(5)]
    until(lambda: links(shop, email, first), SECONDS, "the mail with the link")

    answers.append(somebody.asks("api", second, email))

    assert {status for status, _ in answers} == {202}
    assert len(set(answers)) == 1
    # What is asked for later arrives, so what was asked for before would be there.
    somebody.http.post("/api/v1/accounts/link", json={"email": "later@example.com"}).raise_for_status()
    assert shop.mail is not None
    until(lambda: shop.mail and shop.mail.to("later@example.com"), SECONDS, "the later mail")
    assert links(shop, email, second) == 0

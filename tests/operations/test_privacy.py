"""A person gets all that is known of them, and is taken out but for what is owed and what the books need."""

from __future__ import annotations

import html
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from makegood.accounts.callers import NOBODY
from makegood.app import Running
from makegood.kernel.clock import MovedClock
from makegood.notify.models import Mail
from makegood.orders.reading import by_number
from tests.operations.note_shop import NoteShop, buy_note, mails, page
from tests.shops import Customer, objects, until

NEVER = ("What I never ordered", "What I never sang")
SECRET = "Nobody must read this"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoteShop]:
    folder = tmp_path_factory.mktemp("privacy")
    with NoteShop(folder, sells=("tests.operations.plugins.verses",)) as running:
        yield running


@pytest.fixture(scope="module")
def office(shop: NoteShop) -> Iterator[Running]:
    with shop.beside() as running:
        yield running


def bought(shop: NoteShop, office: Running, email: str, customer: Customer | None = None) -> tuple[str, str]:
    """A delivered note of somebody's, all of whose mails are through: the order's number and its file's address."""
    customer = customer or shop.customer()
    number = buy_note(shop, customer, email=email, text=f"{SECRET} title", paper=f"{SECRET} {email}")
    url = customer.at_rest(number)["units"][0]["artefacts"][0]["url"]
    assert customer.http.get(url).status_code == 200
    told(shop, office, number)
    return number, url


def told(shop: NoteShop, office: Running, number: str) -> None:
    """Wait until the mails about a delivered order are through."""
    until(lambda: len(mails(shop, office, number)) == 2, 20, "the mails")
    until(lambda: '"waiting"' not in json.dumps(states(shop, number)), 20, "their acceptance")


def signed_in(shop: NoteShop, office: Running, email: str) -> Customer:
    """Somebody with an account."""
    customer, accounts = shop.customer(), office.services.accounts
    accounts.request_link(email, NOBODY)
    with office.services.database.read() as session:
        text = session.scalars(sa.select(Mail.text).where(Mail.to == email)).one()
    found = re.search(r"/sign-in/(\S+)", text)
    assert found
    _, cookie = accounts.use_link(found[1], NOBODY)
    customer.http.cookies.set("makegood", cookie)
    until(lambda: email not in waiting(shop), 20, "the mail's acceptance")
    return customer


def waiting(shop: NoteShop) -> list[str]:
    """The addresses to which a mail is still to be sent."""
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        return [row[0] for row in database.execute("SELECT \"to\" FROM mail WHERE state = 'waiting'")]


def states(shop: NoteShop, number: str) -> list[str]:
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        query = 'SELECT mail.state FROM mail JOIN "order" ON "order".id = mail.order_id WHERE number = ?'
        return [row[0] for row in database.execute(query, [number])]


def everything(shop: NoteShop) -> str:
    """Whatever the shop's tables and objects say, but for the engine's own tables."""
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [
            repr(row)
            for table in tables
            if table not in ("workflow_status", "operation_outputs", "workflow_events", "notifications", "streams")
            for row in database.execute(f'SELECT * FROM "{table}"')
        ]
    files = [has.decode() for has in objects(shop.home).values()]
    return "\n".join(rows + files)


def test_a_person_gets_their_data_and_their_files_and_nobody_elses(
    shop: NoteShop, office: Running, tmp_path: Path
) -> None:
    number, _ = bought(shop, office, "export@example.com")
    other, _ = bought(shop, office, "other@example.com")

    code, said = shop.cli("privacy", "export", "--email", "Export@Example.com", "--out", str(tmp_path / "out"))

    assert code == 0, said
    data = json.loads((tmp_path / "out" / "data.json").read_text())
    assert [order["number"] for order in data["orders"]] == [number]
    assert data["orders"][0]["lines"][0]["options"]["text"] == f"{SECRET} title"
    assert data["orders"][0]["downloads"][0]["name"] == "note.txt"
    # A guest's draft is theirs, too.
    assert [draft["options"]["text"] for draft in data["drafts"]] == [f"{SECRET} title"]
    assert [mail["subject"] for mail in data["mails"]][-1] == f"Your order {number} is ready"
    copied = {path.read_text() for path in (tmp_path / "out" / "files").rglob("*") if path.is_file()}
    assert f"{SECRET} export@example.com" in copied
    assert len(copied) == 2
    whole = (tmp_path / "out" / "data.json").read_text() + "".join(copied)
    assert other not in whole
    assert "other@example.com" not in whole
    assert shop.cli("privacy", "export", "--email", "a@example.com", "--out", str(tmp_path / "out"))[0] == 1


def test_a_person_is_taken_out_and_the_figures_stay(shop: NoteShop, office: Running) -> None:
    email = "erase@example.com"
    number, url = bought(shop, office, email)
    assert email in everything(shop)

    code, said = shop.cli("privacy", "erase", "--email", email)

    assert code == 0, said
    assert f"{number}: its figures stay" in said
    left = everything(shop)
    assert email not in left
    assert f"{SECRET} {email}" not in left
    assert shop.customer().http.get(url).status_code == 410
    code, shown = shop.cli("orders", "show", number, "--json")
    assert (code, json.loads(shown)["total"]["minor"]) == (0, 100)
    assert "erased.invalid" in json.loads(shown)["email"]
    assert shop.cli("proof")[0] == 0
    code, said = shop.cli("privacy", "erase", "--email", email, "--json")
    assert json.loads(said)["orders"] == []
    assert shop.cli("orders", "redeliver", number, "--reason", "Once more.")[0] in (0, 1)
    assert email not in everything(shop)


def test_who_ordered_for_another_address_takes_it_out_with_themselves(shop: NoteShop, office: Running) -> None:
    email, other = "account@example.com", "for.grandma@example.com"
    customer = signed_in(shop, office, email)
    number, _ = bought(shop, office, other, customer)
    assert other in everything(shop)

    code, said = shop.cli("privacy", "erase", "--email", email, "--json")

    assert (code, json.loads(said)["orders"], json.loads(said)["account"]) == (0, [number], True)
    left = everything(shop)
    assert email not in left
    assert other not in left


def draft_of(customer: Customer, folder: Path, words: str, product: str = "notes") -> str:
    """A draft that has these words in its options, in its file and in the file's name."""
    paper = folder / f"{words}.txt"
    paper.write_text(words)
    return customer.draft({"paper": paper}, product, text=words)


def expire_drafts(shop: NoteShop) -> None:
    """Two days on, what nothing holds any more is deleted, too."""
    with shop.beside(MovedClock(timedelta(days=2)), unheld_hours=0) as later:
        later.services.drafts.expire()
        later.services.retention.run()


def test_an_expired_draft_says_nothing_any_more(shop: NoteShop, tmp_path: Path) -> None:
    customer = shop.customer()
    draft_of(customer, tmp_path, "What I never ordered")
    draft = draft_of(customer, tmp_path, "What I never ordered")
    (other := tmp_path / "other.txt").write_text("Another")
    with other.open("rb") as file:
        # What was replaced is let go of, too.
        customer.expect(200, "PUT", f"/api/v1/drafts/{draft}/files/paper?name=other.txt", content=file.read())
    customer.made(customer.draft({}, "verses", text="What I never sang"))
    assert {"What I never ordered", "What I never sang"} == {words for words in NEVER if words in everything(shop)}

    expire_drafts(shop)

    assert not [words for words in NEVER if words in everything(shop)]


def test_an_expired_draft_and_what_was_made_of_it_go_with_their_owner(
    shop: NoteShop, office: Running, tmp_path: Path
) -> None:
    email, words = "draft@example.com", "My unfinished verse"
    customer = signed_in(shop, office, email)
    draft = draft_of(customer, tmp_path, words, "verses")
    customer.made(draft)
    assert shop.cli("privacy", "export", "--email", email, "--out", str(tmp_path / "out"))[0] == 0
    [exported] = json.loads((tmp_path / "out" / "data.json").read_text())["drafts"]
    copied = [(tmp_path / "out" / file["copied_to"]).is_file() for job in exported["jobs"] for file in job["files"]]
    assert set(copied) == {True}
    with sqlite3.connect(shop.home / "shop.db", timeout=30) as database:
        # So were drafts left when their time was over before their options went with them.
        database.execute("UPDATE draft SET version = 0 WHERE id = ?", [draft])
    database.close()

    code, said = shop.cli("privacy", "erase", "--email", email, "--json")

    assert (code, json.loads(said)["drafts"]) == (0, 1)
    assert words not in everything(shop)


def test_done_again_it_finds_no_draft(shop: NoteShop, office: Running, tmp_path: Path) -> None:
    email = "again@example.com"
    customer = signed_in(shop, office, email)
    draft_of(customer, tmp_path, "Once")
    (shop.control / "fail").touch()
    number = buy_note(shop, customer, email=email, text="Keeps the account")

    found = [json.loads(shop.cli("privacy", "erase", "--email", email, "--json")[1]) for _ in range(2)]

    (shop.control / "fail").unlink()
    assert [each["drafts"] for each in found] == [2, 0]
    assert customer.at_rest(number)["state"] == "delivered"


def test_what_an_order_is_still_made_from_stays_and_goes_with_it(
    shop: NoteShop, office: Running, tmp_path: Path
) -> None:
    email, words = "verse@example.com", "A verse that was ordered"
    customer = signed_in(shop, office, email)
    draft = draft_of(customer, tmp_path, words, "verses")
    customer.made(draft)
    number = customer.checkout(draft, email=email)["number"]
    (shop.control / "fail").touch()
    shop.provider.act(customer.payable(number)["ref"])
    until(lambda: customer.order(number)["units"][0]["problem"], 30, "a try that fails")

    code, said = shop.cli("privacy", "erase", "--email", email, "--json")

    assert (code, json.loads(said)["kept"][number]) == (0, ["something of it is still being made"])
    (shop.control / "fail").unlink()
    url = customer.at_rest(number, 30)["units"][0]["artefacts"][0]["url"]
    assert customer.http.get(url).text == f"{words}\n{words}"
    told(shop, office, number)
    code, said = shop.cli("privacy", "erase", "--email", email, "--json")
    assert (code, json.loads(said)["orders"]) == (0, [number])
    assert words not in everything(shop)


def test_a_file_that_went_earlier_keeps_no_name(shop: NoteShop, office: Running, tmp_path: Path) -> None:
    email, words, customer = "named@example.com", "A poem for Anna", shop.customer()
    number = customer.checkout(draft_of(customer, tmp_path, words), email=email)["number"]
    shop.provider.act(customer.payable(number)["ref"])
    customer.at_rest(number)
    told(shop, office, number)
    expire_drafts(shop)
    with shop.beside(paid_input_days=0, unheld_hours=0) as night:
        night.services.retention.run()
    assert f"{words}.txt" in everything(shop)

    assert shop.cli("privacy", "erase", "--email", email)[0] == 0

    assert words not in everything(shop)


def test_who_was_taken_out_reads_that_it_was_their_wish(shop: NoteShop, office: Running) -> None:
    email = "wish@example.com"
    number, url = bought(shop, office, email)
    with office.services.database.read() as session:
        link = office.services.links.order(by_number(session, number)).rpartition("/")[2]

    assert shop.cli("privacy", "erase", "--email", email)[0] == 0

    said = page(shop.customer(), link)
    assert "It was made and delivered. Its data were taken out at its owner's wish" in said
    assert "ready to download" not in said
    assert "@" not in said
    answer = shop.customer().http.get(url)
    assert answer.status_code == 410
    assert "taken away at its owner's wish" in html.unescape(answer.text)


def test_what_is_still_owed_stays_and_is_named(shop: NoteShop, office: Running) -> None:
    email, customer = "owed@example.com", shop.customer()
    (shop.control / "fail").touch()
    number = buy_note(shop, customer, email=email, text="Still owed")

    code, said = shop.cli("privacy", "erase", "--email", email)

    (shop.control / "fail").unlink()
    assert code == 0
    assert f"{number} stays: " in said
    assert "something of it is still being made" in said
    assert customer.at_rest(number)["state"] == "delivered"

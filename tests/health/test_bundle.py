"""The support bundle: an order's whole story, and nothing in it that opens anything or says who the customer is."""

from __future__ import annotations

import base64
import json
import shutil
import urllib.parse
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.health.toyshop import Toyshop, command
from tests.notify.mail_server import MailServer
from tests.shops import KEY, SECRET, Customer, until

PASSWORD = "p@ss/wörd &+=%"
SIGNING = "the-shop's-own-signing-secret"
CLOUD = "AKIAPLANTEDPLANTED12"
NOTE = "For Mum, with all my love"
EMAIL = "mary.smith+shop@mail.example.org"
TOLD = """SELECT count(*) FROM mail m JOIN "order" o ON o.id = m.order_id
WHERE o.number = '{}' AND m.state = 'accepted'"""


@dataclass(frozen=True)
class Sold:
    """An order that is delivered, its customer, and the number of another one of theirs."""

    customer: Customer
    order: dict
    other: str
    api_key: str = "mgk_" + "k3YpLanted" * 4


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toyshop]:
    """A shop with secrets in its settings and in its surroundings."""
    server = MailServer(user="postman", password=PASSWORD).start()
    with Toyshop(
        tmp_path_factory.mktemp("toys"), MAKEGOOD_SECRET=SIGNING, MAKEGOOD_SMTP_HOST="127.0.0.1",
        MAKEGOOD_SMTP_PORT=str(server.port), MAKEGOOD_SMTP_USER="postman", MAKEGOOD_SMTP_PASSWORD=PASSWORD,
        MAKEGOOD_SMTP_TLS="none", AWS_SECRET_ACCESS_KEY=CLOUD,
    ) as running:  # fmt: skip
        yield running
    server.stop()


@pytest.fixture(scope="module")
def sold(shop: Toyshop) -> Sold:
    """A delivered order with secrets planted wherever something of it is kept."""
    customer = shop.customer()
    other = customer.checkout(customer.draft({}, "kites"))["number"]
    draft = customer.draft({}, "marbles", note=NOTE)
    paid = customer.payable(customer.checkout(draft, email=EMAIL)["number"])
    shop.provider.act(paid["ref"])
    order = customer.at_rest(paid["number"])
    told = TOLD.format(order["number"])
    until(lambda: shop.sql(told) == [(2,)], 30, "the receipt and the delivery's mail, which the log tells of")
    basic = base64.b64encode(f"postman:{PASSWORD}".encode()).decode()
    answer = {
        "authorization": f"Basic {basic}", "card": "4242424242424242", "client_secret": "pi_1_secret_PlAnTeD123",
        "note": f"key={SIGNING}", "url": f"https://pay.example.org/pay/{'aB3' * 12}",
    }  # fmt: skip
    quoted = json.dumps({**answer, "signature": "t=1,v1=PlAnTeDsig"}).replace("'", "''")
    shop.sql(
        f"UPDATE payment SET details = '{quoted}'",
        f"UPDATE payment_event SET raw = CAST('{quoted}' AS BLOB)",
        "UPDATE mail SET last_error = 'X-Api-Key: PlAnTeDinMail9 was refused', "
        f"text = text || 'See http://127.0.0.1/orders/{order['number']}?key=PlAnTeDorderKey99'",
    )  # fmt: skip
    lines = [
        {"event": "request", "level": "error", "headers": [["authorization", "Bearer PlAnTeDbearer99"]]},
        {"event": "request", "level": "info", "headers": {"Cookie": "makegood=PlAnTeDsession99; a=b"}},
        {"event": "body", "level": "info", "body": json.dumps({"password": "PlAnTeD pass phrase"})},
        {"event": f"smtp {urllib.parse.quote(PASSWORD)} and {PASSWORD} as {basic}", "level": "info"},
        {"event": f"postgresql://shop:PlAnTeDdb99@db/shop for {EMAIL} {urllib.parse.quote(EMAIL)}", "level": "info"},
        {"event": f"hex {SIGNING.encode().hex()}", "key": Sold.api_key, "level": "info"},
        {"event": f"GET {order['units'][0]['artefacts'][0]['url']} {CLOUD}", "level": "info"},
    ]
    with log_of(shop).open("a") as log:
        log.write("".join(json.dumps(line) + "\n" for line in lines))
        log.write(f'not JSON: Set-Cookie: makegood=PlAnTeDset99; {{"x-api-key": "PlAnTeDkey99"}} {PASSWORD}\n')
    return Sold(customer, order, other)


def log_of(shop: Toyshop) -> Path:
    """Its log, once something was written to it."""
    log = shop.home / "logs" / "makegood.log"
    until(log.exists, 30, "the first line")
    return log


def unpacked(path: Path) -> dict[str, str]:
    """What is in a bundle, by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def bundle(shop: Toyshop, out: Path, *arguments: str) -> dict[str, str]:
    code, told = shop.run("support-bundle", "--out", str(out), *arguments)
    assert code == 0, told
    return unpacked(out)


def test_no_secret_and_nothing_of_the_customer_is_in_the_bundle(shop: Toyshop, sold: Sold, tmp_path: Path) -> None:
    parts = bundle(shop, tmp_path / "bundle.zip", "--order", sold.order["number"])
    everything = "\n".join([*parts, *parts.values()])

    token = sold.order["units"][0]["artefacts"][0]["url"].split("/d/")[1].split("/")[0]
    cookie = next(iter(sold.customer.http.cookies.jar)).value
    [[order_mail]] = shop.sql("SELECT text FROM mail WHERE key LIKE 'delivered/%'")
    order_key = order_mail.split("?key=")[1].split()[0]
    [[key_hash]] = shop.sql("SELECT token_hash FROM session LIMIT 1")
    secrets = {
        KEY, SECRET, SIGNING, PASSWORD, CLOUD, sold.api_key, token, cookie, order_key, key_hash, "PlAnTeD",
        "4242424242424242", urllib.parse.quote(PASSWORD), urllib.parse.quote(PASSWORD, safe=""),
        urllib.parse.quote_plus(PASSWORD), base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(f"postman:{PASSWORD}".encode()).decode()[8:-6], SIGNING.encode().hex(),
        json.dumps(PASSWORD)[1:-1], "aB3aB3aB3",
    }  # fmt: skip
    assert [secret for secret in secrets if secret in everything] == []
    personal = {NOTE, EMAIL, "mary.smith", urllib.parse.quote(EMAIL)}
    assert [word for word in personal if word in everything] == []
    assert "toy.txt" not in parts


def test_the_orders_whole_story_is_in_the_bundle(shop: Toyshop, sold: Sold, tmp_path: Path) -> None:
    parts = bundle(shop, tmp_path / "bundle.zip", "--order", sold.order["number"].lower())

    told = parts["order/story.txt"]
    for event in ("order.placed", "payment.succeeded", "obligation.owed", "step.began", "artefact.verified",
                  "obligation.delivered", "mail.accepted"):  # fmt: skip
        assert event in told
    rows = json.loads(parts["order/rows.json"])
    wanted = {
        "order", "order_line", "unit", "payment", "payment_event", "obligation", "artefact", "asset", "grant", "mail",
    }  # fmt: skip
    assert wanted <= set(rows)
    assert rows["payment_event"][0]["raw"]["signature"] == "[secret]"
    assert {len(rows[name]) for name in ("order", "unit", "obligation", "payment", "grant")} == {1}
    assert rows["obligation"][0]["delivery"] == "delivered"
    assert json.loads(parts["order/provider.json"])[0]["seen"]["captured_minor"] == 100
    work = json.loads(parts["order/work.json"])
    assert work[rows["obligation"][0]["work"]] == "ended"
    timeline = json.loads(parts["order/timeline.json"])
    assert all(event["seconds"] is not None for event in timeline if event["event"] == "step.began")
    assert any(check["part"] == "payments" for check in json.loads(parts["checks.json"]))
    assert "smtp_password                [set]" in parts["settings.txt"]
    assert "smtp_host                    127.0.0.1" in parts["settings.txt"]
    assert json.loads(parts["about.json"])["packages"]["makegood"]
    assert "authorization" in parts["logs/errors.log"]
    told = "".join(text for name, text in parts.items() if name.startswith("order/"))
    assert sold.other not in told
    assert sold.order["number"] in told


WROTE = {"title": "anna", "recipient": "Mia", "caption": "für Oma", "message": "paid", "date": "7 May"}
CALLED = {"photo": "Mia.jpg", "sound": "Anna Schmidt hospital 2024.m4a"}


@pytest.fixture(scope="module")
def poster(shop: Toyshop, poster_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A delivered poster of somebody who wrote little, and in small letters; the log repeats some of it."""
    files = {slot: tmp_path_factory.mktemp("own") / name for slot, name in CALLED.items()}
    for slot, path in files.items():
        shutil.copy(poster_files[slot], path)
    customer = shop.customer()
    placed = customer.checkout(customer.draft(files, font="modern", **WROTE), email=EMAIL)
    paid = customer.payable(placed["number"])
    shop.provider.act(paid["ref"])
    order = customer.at_rest(paid["number"])
    assert order["state"] == "delivered"
    told = {"event": "making.failed", "level": "error", "operator": f"“{CALLED['sound']}” for Mia reads 'ANNA'."}
    with log_of(shop).open("a") as log:
        log.write(json.dumps(told) + "\n" + json.dumps({**told, "operator": "GET /x?name=f%C3%BCr%20Oma&a=%2Fanna"}))
        log.write("\nnot JSON: Mia, f\\u00fcr Oma\n")
    return dict(order)


def test_nothing_that_a_customer_wrote_can_be_read_however_short_and_plain_it_is(
    shop: Toyshop, poster: dict, tmp_path: Path
) -> None:
    parts = bundle(shop, tmp_path / "bundle.zip", "--order", poster["number"])
    everything = "\n".join([*parts, *parts.values()])

    for text in ("anna", "mia", "schmidt", "hospital", "für oma", "fu00fcr", "f%C3%BCr", "7 May"):
        assert text.lower() not in everything.lower().replace("\\", ""), text
    rows = json.loads(parts["order/rows.json"])
    given = [*(asset["file_name"] for asset in rows["asset"]), *(mail["text"] for mail in rows["mail"])]
    assert [text for text in given if not text.startswith("[text of ")] == []
    [line] = rows["order_line"]
    assert line["description"] == "Sound poster, A4, portrait: “[text of 4]”"
    assert {name: line["options"][name] for name in WROTE} == {
        name: f"[text of {len(text)}]" for name, text in WROTE.items()
    }


def test_what_helps_stays_in_the_bundle_whatever_the_customer_wrote(
    shop: Toyshop, poster: dict, tmp_path: Path
) -> None:
    parts = bundle(shop, tmp_path / "bundle.zip", "--order", poster["number"])
    rows = json.loads(parts["order/rows.json"])

    chosen = {"template": "framed", "page": "A4", "font": "modern", "lang": "en", "bleed": 0, "allow_download": True}
    assert rows["order_line"][0]["options"].items() >= chosen.items()
    assert rows["payment"][0]["state"] == "paid"
    assert rows["obligation"][0]["delivery"] == "delivered"
    sizes = {asset["sha256"]: (asset["size"], asset["media_type"]) for asset in rows["asset"]}
    made = {file["sha256"]: (file["size"], file["media_type"]) for file in poster["units"][0]["artefacts"]}
    assert sizes.items() >= made.items()
    ids = {asset["id"] for asset in rows["asset"]}
    assert {file["asset_id"] for file in rows["order_input"]} <= ids
    facts = {file["slot"]: file["facts"] for file in rows["order_input"]}
    assert (facts["photo"]["media_type"], facts["sound"]["codec"]) == ("image/jpeg", "pcm_s16le")
    assert {artefact["name"] for artefact in rows["artefact"]} >= {"poster.pdf", "sound.m4a"}
    assert json.loads(parts["order/provider.json"])[0]["seen"]["state"] == "paid"
    assert "payment.succeeded" in parts["order/story.txt"]
    errors = [json.loads(text) for text in parts["logs/errors.log"].splitlines() if text.startswith("{")]
    assert {"making.failed"} <= {error["event"] for error in errors}


def test_a_product_that_is_gone_tells_nothing_of_what_was_written(shop: Toyshop, poster: dict, tmp_path: Path) -> None:
    number = poster["number"]
    shop.sql("UPDATE order_line SET product_id = 'gone' WHERE description LIKE '%anna%'")
    try:
        parts = bundle(shop, tmp_path / "bundle.zip", "--order", number)
    finally:
        shop.sql("UPDATE order_line SET product_id = 'posters' WHERE product_id = 'gone'")
    assert "anna" not in "".join(parts.values()).lower()


def test_personal_data_stays_when_it_is_asked_for_and_secrets_never_do(
    shop: Toyshop, sold: Sold, tmp_path: Path
) -> None:
    parts = bundle(shop, tmp_path / "bundle.zip", "--order", sold.order["number"], "--with-personal-data")
    assert NOTE in parts["order/rows.json"]
    assert EMAIL in parts["order/rows.json"]
    assert "PlAnTeD" not in "".join(parts.values())


@pytest.mark.parametrize("of", [(), ("--order", "ORD-0000000000")])
def test_a_bundle_is_made_where_the_shop_is_broken_and_says_what_could_not_be_had(
    tmp_path: Path, of: tuple[str, ...]
) -> None:
    env = {
        "MAKEGOOD_HOME": str(tmp_path / "home"),
        "MAKEGOOD_DATABASE_URL": "postgresql://shop:PlAnTeDpw@127.0.0.1:1/x",
    }
    code, told = command("support-bundle", *of, "--out", str(tmp_path / "bundle.zip"), env=env)
    assert code == 0, told
    parts = unpacked(tmp_path / "bundle.zip")
    assert "does not answer" in parts["checks.json"]
    assert "can't be had" in parts["summary.json"]
    assert "PlAnTeD" not in "".join(parts.values())
    assert (tmp_path / "bundle.zip").stat().st_mode & 0o077 == 0


def test_an_order_that_is_not_there_or_a_file_that_is_makes_no_bundle(shop: Toyshop, tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    assert shop.run("support-bundle", "--order", "ORD-0000000000", "--out", str(out))[0] == 1
    assert not out.exists()
    out.write_text("mine")
    assert shop.run("support-bundle", "--out", str(out))[0] == 1
    assert out.read_text() == "mine"

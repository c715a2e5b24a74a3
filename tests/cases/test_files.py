"""Files that were lost, mixed up or locked away between the payment and the customer."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.cases.corner import SECONDS, Bought, CornerShop, Office, checked_out, draft_of, order
from tests.shops import objects, until

POSTERS = Path("products/posters")
TWO_DAYS = 2 * 24 * 60 * 60


def test_an_upload_deleted_while_it_is_copied(shop: CornerShop, office: Office) -> None:
    bought = order(shop, "engravings", b"the only one")
    [given] = shop.stored(b"the only one")
    bought.customer.http.delete(f"/api/v1/drafts/{bought.draft}/files/picture")

    # What the payment does is rolled back half-way, and a clean-up comes in between.
    shop.die_at("settle:within")
    bought.pay()
    shop.wait_for_death()
    office.cleans_up(days=2)
    shop.start()

    assert bought.delivered() == [b"engraved: the only one"]
    assert shop.stored(b"the only one") == [given]


def test_a_verification_that_skips_a_missing_key_and_passes(shop: CornerShop) -> None:
    bought = order(shop, text="do not lose me")
    bought.pay()
    [note] = bought.delivered()
    [made] = shop.stored(note)
    made.unlink()

    code, told = shop.run("proof")

    assert code == 1
    assert bought.number in told
    [url] = bought.urls()
    # Whoever misses it has it made again.
    answer = bought.customer.http.get(url)
    assert (answer.status_code, "Nothing is lost" in answer.text) == (503, True)
    until(lambda: bought.customer.http.get(url).status_code == 200, SECONDS, "the file that was made again")
    assert bought.files() == [note]


def test_preview_keys_by_the_second_so_that_two_customers_meet(shop: CornerShop) -> None:
    people = [(shop.customer(), f"mine{n}") for n in range(8)]
    drafts = [draft_of(customer, text=text) for customer, text in people]
    pictures = [draft_of(customer, "engravings", text.encode()) for customer, text in people]

    def look(n: int) -> tuple[str, bytes]:
        http = people[n][0].http
        seen = http.get(f"/api/v1/drafts/{drafts[n]}/preview").text
        return seen, http.get(f"/api/v1/drafts/{pictures[n]}/files/picture/content").content

    with ThreadPoolExecutor(len(people)) as pool:
        looks = list(pool.map(look, range(len(people))))

    assert looks == [(f"PREVIEW {text}…", text.encode()) for _, text in people]
    stranger = people[1][0]
    stranger.refused(404, "DRAFT_NOT_FOUND", "GET", f"/api/v1/drafts/{drafts[0]}/preview")
    stranger.refused(404, "DRAFT_NOT_FOUND", "GET", f"/api/v1/drafts/{pictures[0]}/files/picture/content")


def test_a_link_to_a_private_object(shop: CornerShop) -> None:
    bought = order(shop, text="for whoever has the link")
    bought.pay()
    [note] = bought.delivered()
    told = shop.mailed(bought.email, "is ready")
    link = re.search(r"http\S+/d/\S+", told)
    page = re.search(rf"http\S+/orders/{bought.number}\S*", told)
    assert link and page

    # Another device, which nobody has signed in on.
    assert httpx.get(link[0]).content == note
    assert "note.txt" in httpx.get(page[0], follow_redirects=True).text
    token = link[0].rpartition("/d/")[2].partition("/")[0]
    assert httpx.get(link[0].replace(token, token[::-1])).status_code == 404
    [made] = shop.stored(note)
    key = made.relative_to(shop.home)
    assert {httpx.get(f"{shop.url}/{path}").status_code for path in (key, key.relative_to("objects"))} == {404}


def test_a_printed_code_that_dies_when_a_clean_up_expires_the_order(
    shop: CornerShop, office: Office, poster_files: dict[str, Path]
) -> None:
    customer = shop.customer()
    bought = checked_out(shop, customer, customer.draft(poster_files, title="Ours"))
    bought.pay()
    [unit] = bought.at_rest()["units"]
    code = unit["pages"][0]["url"]
    assert httpx.get(code).status_code == 200

    office.cleans_up(days=9 * 365)

    assert httpx.get(code).status_code == 200
    assert httpx.get(f"{code}/sound", follow_redirects=True).status_code == 200
    assert httpx.get(f"{code}/poster", follow_redirects=True).status_code == 200

    # Nor does it need what the customer had uploaded.
    uploads, away = shop.home / "objects" / "uploads", shop.home / "away"
    uploads.rename(away)
    try:
        assert {httpx.get(f"{code}{part}").status_code for part in ("", "/sound", "/poster")} == {200}
    finally:
        shutil.rmtree(uploads, ignore_errors=True)
        away.rename(uploads)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"cut")], ids=["lost", "cut short"])
def test_a_printed_code_whose_file_is_lost_has_it_made_again(
    shop: CornerShop, poster_files: dict[str, Path], damage: Callable[[Path], object]
) -> None:
    others, customer = sounds(shop), shop.customer()
    bought = checked_out(shop, customer, customer.draft(poster_files, title="Ours again"))
    bought.pay()
    [unit] = bought.at_rest()["units"]
    code = unit["pages"][0]["url"]
    sound = httpx.get(f"{code}/sound").content
    for path in sounds(shop) - others:
        damage(path)

    assert httpx.get(f"{code}/sound").status_code == 503

    until(lambda: httpx.get(f"{code}/sound").status_code == 200, 60, "the sound being there again")
    assert httpx.get(f"{code}/sound").content == sound


def sounds(shop: CornerShop) -> set[Path]:
    return set((shop.home / "objects" / "artefacts").rglob("*/sound.m4a/*"))


def test_retention_by_file_time_paid_on_day_30_deleted_that_night(shop: CornerShop, office: Office) -> None:
    bought = order(shop, "engravings", b"thirty days old")
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=31)
    grow_old(shop, bought, long_ago)
    office.cleans_up()
    bought.pay()
    wanted = [b"engraved: thirty days old"]
    assert bought.delivered() == wanted
    grow_old(shop, bought, long_ago)

    for later in (0.01, 29):
        office.cleans_up(later)
        assert bought.files() == wanted

    office.cleans_up(31)
    assert not shop.stored(b"thirty days old")
    assert not shop.stored(wanted[0])


def grow_old(shop: CornerShop, bought: Bought, when: datetime) -> None:
    """The order was made then, and so were all the files that there are, by the disk's word as by the tables'."""
    day = f"'{when:%Y-%m-%d}' || substr(created_at, 11)"
    shop.sql(
        f"UPDATE asset SET created_at = {day}",
        f"UPDATE \"order\" SET created_at = {day} WHERE number = '{bought.number}'",
    )
    for path in objects(shop.home):
        os.utime(path, (when.timestamp(), when.timestamp()))


@pytest.mark.parametrize(
    "lost", [POSTERS / "designs" / "arch.toml", POSTERS / "fonts" / "CormorantGaramond*"], ids=["template", "font"]
)
def test_a_template_that_is_offered_and_not_on_the_disk(shop: CornerShop, package: Path, lost: Path) -> None:
    customer = shop.customer()

    def offered() -> list[str]:
        return [each["id"] for each in customer.expect(200, "GET", "/api/v1/products")]

    assert shop.is_healthy()
    assert "posters" in offered()
    files = list(package.glob(str(lost)))
    away = package / "away"
    away.mkdir()
    for file in files:
        file.rename(away / file.name)

    # Named to operators, and not offered to anybody.
    status, health = shop.health()
    assert (status, "posters" in str(health["issues"])) == (503, True)
    assert "posters" not in offered()
    assert customer.http.get("/posters").status_code == 503
    customer.refused(503, "PRODUCT_BROKEN", "POST", "/api/v1/drafts", json={"product": "posters"})
    assert customer.quote(draft_of(customer))

    for file in files:
        (away / file.name).rename(file)
    away.rmdir()
    assert shop.is_healthy()
    customer.expect(201, "POST", "/api/v1/drafts", json={"product": "posters"})


def test_a_file_that_is_renamed_and_then_unlinked(shop: CornerShop, office: Office) -> None:
    same = b"the same picture twice"
    first, second = order(shop, "engravings", same), order(shop, "engravings", same)
    assert len(shop.stored(same)) == 2
    # A third has it too, and thinks better of it.
    third = shop.customer()
    draft = draft_of(third, "engravings", same)
    third.expect(200, "DELETE", f"/api/v1/drafts/{draft}/files/picture")
    first.pay()
    first.delivered()
    office.refunds(first.number)
    until(lambda: first.seen()["state"] == "refunded" and first.at_rest(), SECONDS, "the refund")

    office.cleans_up(days=2)

    second.pay()
    assert second.delivered() == [b"engraved: " + same]


def test_cleanup(shop: CornerShop, office: Office) -> None:
    customer = shop.customer()
    draft = draft_of(customer, "engravings", b"nobody ordered it")
    waits, paid = order(shop, "engravings", b"may still be paid"), order(shop, "engravings", b"is paid")
    paid.pay()
    paid.delivered()
    code, said = shop.run("retention", "--dry-run", MAKEGOOD_TEST_CLOCK_SECONDS=str(TWO_DAYS))
    assert (code, "drafts" in said) == (0, True)
    assert shop.stored(b"nobody ordered it")

    assert office.cleans_up(days=2) >= 1

    assert not shop.stored(b"nobody ordered it")
    customer.refused(410, "FILE_GONE", "GET", f"/api/v1/drafts/{draft}/files/picture/content")
    waits.pay()
    assert waits.delivered() == [b"engraved: may still be paid"]
    assert paid.files() == [b"engraved: is paid"]

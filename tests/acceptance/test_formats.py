"""Every photo and every recording that we say we take becomes a poster that plays, on every page that we sell."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.acceptance import looking
from tests.conftest import FIXTURES
from tests.shops import Shop

BAD_PHOTOS = {"archive", "document", "drawing", "text", "truncated", "truncated-progressive"}
PHOTOS = [p for p in sorted((FIXTURES / "photo").iterdir()) if p.suffix != ".sh" and p.stem not in BAD_PHOTOS]
SOUNDS = [p for p in sorted((FIXTURES / "sound").iterdir()) if p.is_file() and p.suffix not in (".sh", ".py")]
PAGES = {
    "A4": (210, 297), "A3": (297, 420), "Letter": (215.9, 279.4), "18x24in": (457.2, 609.6), "24x36in": (609.6, 914.4),
}  # fmt: skip
TEMPLATES = ["framed", "full-page", "circular", "heart", "arch", "minimal", "plaque", "gift-card"]
SENTENCE_SECONDS, CHROMIUM_SECONDS, CLIP_SECONDS = 1.12, 1.94, 0.7


@dataclass(frozen=True)
class Wanted:
    """One order of the matrix: each photo once, sounds and layouts in turn."""

    number: int
    photo: Path
    sound: Path

    @property
    def page(self) -> str:
        return list(PAGES)[self.number % 5]

    @property
    def landscape(self) -> bool:
        return self.number // 8 % 2 == 1

    @property
    def bleed(self) -> int:
        return 3 * (self.number // 4 % 2)

    @property
    def is_trimmed(self) -> bool:
        return self.number % 3 == 0

    @property
    def seconds(self) -> float:
        if self.is_trimmed:
            return CLIP_SECONDS
        return CHROMIUM_SECONDS if self.sound.stem == "chromium-opus" else SENTENCE_SECONDS

    @property
    def options(self) -> dict[str, Any]:
        chosen = {
            "template": TEMPLATES[self.number % 8], "page": self.page, "bleed": self.bleed,
            "orientation": "landscape" if self.landscape else "portrait", "title": f"No. {self.number}",
        }  # fmt: skip
        return chosen | ({"clip_start": 0.2, "clip_end": 0.2 + CLIP_SECONDS} if self.is_trimmed else {})

    @property
    def size(self) -> tuple[float, float]:
        across, down = PAGES[self.page]
        return (down, across) if self.landscape else (across, down)


@dataclass(frozen=True)
class Bought:
    """What came of it."""

    order: dict[str, Any]
    files: dict[str, bytes]


MATRIX = [Wanted(i, photo, SOUNDS[i % len(SOUNDS)]) for i, photo in enumerate(PHOTOS)]


def test_the_matrix_has_every_format() -> None:
    assert {wanted.sound for wanted in MATRIX} == set(SOUNDS)
    assert {(wanted.page, wanted.landscape) for wanted in MATRIX} == {(p, way) for p in PAGES for way in (False, True)}
    assert {wanted.bleed for wanted in MATRIX} == {0, 3}
    assert len(PHOTOS) > 30


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(tmp_path_factory.mktemp("formats"), MAKEGOOD_ISOLATED_PROCESSES="2") as running:
        yield running


@pytest.fixture(scope="module")
def purchases(shop: Shop) -> Iterator[dict[Wanted, Future[Bought]]]:
    """Three customers at a time work through the matrix while the tests look at what is there already."""
    with ThreadPoolExecutor(3) as pool:
        yield {wanted: pool.submit(buy, shop, wanted) for wanted in MATRIX}


def buy(shop: Shop, wanted: Wanted) -> Bought:
    customer = shop.customer()
    draft = customer.draft({"photo": wanted.photo, "sound": wanted.sound}, **wanted.options)
    number = customer.checkout(draft)["number"]
    shop.provider.act(customer.payable(number)["ref"])
    order = customer.at_rest(number, 120)
    [unit] = order["units"]
    return Bought(order, {a["name"]: customer.http.get(a["url"]).content for a in unit["artefacts"]})


@pytest.fixture(params=MATRIX, ids=lambda w: f"{w.photo.name}+{w.sound.name}", scope="module")
def wanted(request: pytest.FixtureRequest) -> Wanted:
    return request.param


@pytest.fixture(scope="module")
def bought(wanted: Wanted, purchases: dict[Wanted, Future[Bought]]) -> Bought:
    return purchases[wanted].result(180)


def test_it_is_delivered_whole_and_paid_once(shop: Shop, bought: Bought) -> None:
    [unit] = bought.order["units"]
    assert bought.order["state"] == "delivered"
    assert {a["name"]: a["sha256"] for a in unit["artefacts"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in bought.files.items()
    }
    assert set(bought.files) == {"poster.pdf", "poster.png", "sound.m4a"}
    assert shop.provider.captures(bought.order["payment"]["id"]) == 1
    assert shop.provider.kept(bought.order["payment"]["id"]) == bought.order["total"]["minor"] > 0


def test_the_page_is_the_one_that_was_ordered(wanted: Wanted, bought: Bought) -> None:
    found, (across, down), bleed = looking.boxes(bought.files["poster.pdf"]), wanted.size, float(wanted.bleed)
    assert found.trim == pytest.approx((0, 0, across, down), abs=0.1)
    assert found.bleed == pytest.approx((-bleed, -bleed, across + bleed, down + bleed), abs=0.1)
    # Crop marks need room outside the bleed; without one the sheet is the page.
    assert (found.media[0] < found.bleed[0]) == bool(bleed)
    with Image.open(io.BytesIO(bought.files["poster.png"])) as picture:
        picture.load()
        assert picture.width / picture.height == pytest.approx(across / down, rel=0.002)


def test_the_printed_code_opens_the_page_that_plays_the_clip(shop: Shop, wanted: Wanted, bought: Bought) -> None:
    [code] = looking.codes_in_pdf(bought.files["poster.pdf"])
    [page] = bought.order["units"][0]["pages"]
    assert code.upper() == page["url"].upper()
    path = urlsplit(code).path
    assert path.startswith("/L/")
    stranger = shop.customer().http
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert f"No. {wanted.number}" in answer.text
    sound = stranger.get(f"{path}/sound")
    assert sound.content == bought.files["sound.m4a"]
    assert looking.seconds_of(sound.content) == pytest.approx(wanted.seconds, abs=0.06)


def test_a_preview_is_marked_and_leads_nowhere_for_good(shop: Shop, poster_files: dict[str, Path]) -> None:
    customer = shop.customer()
    draft = customer.draft(poster_files, title="Only a look")
    found: set[str] = set()
    for template in TEMPLATES:
        customer.expect(200, "PATCH", f"/api/v1/drafts/{draft}", json={"options": {"template": template}})
        answer = customer.http.get(f"/api/v1/drafts/{draft}/preview")
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert max(picture.size) == 900
            # The mark lies over the code too, so not each of them can be read.
            found |= looking.codes_under_marks(picture)
    assert {urlsplit(code).path for code in found} == {f"/posters/{draft}"}
    assert shop.customer().http.get(f"/posters/{draft}").status_code == 404

"""Templates: everything they offer can be made, nothing collides, and what they do not offer is refused by name."""

from __future__ import annotations

import io
import itertools
import shutil
from pathlib import Path

import pytest
from PIL import Image

from makegood.products.posters.layout import checks, offer, photo_crop, photo_frame, render_png, resolve
from makegood.products.posters.layout.compose import compose
from makegood.products.posters.layout.design import BUILT_IN, DESIGNS, Rect, templates
from makegood.products.posters.layout.errors import ColoursTooClose, OptionNotForTemplate, TemplateMissing
from makegood.products.posters.layout.fonts import FONTS
from makegood.products.posters.layout.preflight import read_codes
from makegood.products.posters.options import ORIENTATIONS, PAGES, PosterOptions
from tests.posters.poster_jobs import PIXELS, URL, job

OFFERED = [
    (each.id, wave, shape)
    for each in templates().values()
    for wave, shape in itertools.product(each.waves, each.shapes)
    if wave != "circular" or shape == "circle"
]


@pytest.mark.parametrize(("template", "wave", "shape"), OFFERED)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_whatever_a_template_offers_can_be_made(template: str, wave: str, shape: str, orientation: str) -> None:
    made = render_png(job(template=template, wave=wave, shape=shape, orientation=orientation), 200)
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.width == 200
        assert len(picture.convert("RGB").getcolors(1 << 18) or ()) > 50


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("template", BUILT_IN)
def test_words_wave_code_and_photo_keep_clear_of_each_other_and_of_the_edge(
    template: str, orientation: str, page: str
) -> None:
    for wave in templates()[template].waves:
        options = PosterOptions.model_validate(
            {"template": template, "orientation": orientation, "page": page, "wave": wave}
        )
        look = resolve(options)
        unit = look.unit
        side = look.layout.code.side
        code = look.layout.code.box.model_copy(update={"width": side, "height": side}).on(*look.page)
        places = {f"words {n}": each.box.on(*look.page) for n, each in enumerate(look.layout.words)} | {"code": code}
        if not look.layout.photo.bleeds:
            places["photo"] = look.photo_slot
        if not look.round and look.layout.wave is not None:
            places["wave"] = look.layout.wave.on(*look.page)
        for (one, a), (other, b) in itertools.combinations(places.items(), 2):
            assert _apart(a, b) >= -0.01, f"{one} and {other} of {template} {orientation} {page} {wave}"
        for name, place in places.items():
            air = min(place.x, place.y, look.page[0] - place.x - place.w, look.page[1] - place.y - place.h)
            assert air >= 4 * unit, f"{name} of {template} {orientation} {page} comes to {air:.1f} mm from the edge"
            assert place.w > 0
            assert place.h > 0


def _apart(a: Rect, b: Rect) -> float:
    """The gap between two places in mm; negative when they overlap."""
    across = max(a.x - b.x - b.w, b.x - a.x - a.w)
    down = max(a.y - b.y - b.h, b.y - a.y - a.h)
    return max(across, down)


MATRIX = list(itertools.product(BUILT_IN, PAGES, ORIENTATIONS, (None, "white", "black", "terracotta", "#7f7f7f")))
SOME = [case for number, case in enumerate(MATRIX) if number % 17 == 0]


def _reads(template: str, page: str, orientation: str, background: str | None) -> None:
    wanted = job(
        template=template, page=page, orientation=orientation, background=background, accent="photo", sky="#3a6ea5"
    )
    with Image.open(io.BytesIO(render_png(wanted, round(wanted.options.page_mm[0] / 25.4 * 90)))) as picture:
        assert read_codes(picture) == (URL,)


@pytest.mark.parametrize(("template", "page", "orientation", "background"), SOME)
def test_the_code_reads_at_90_dpi_on_any_colour(
    template: str, page: str, orientation: str, background: str | None
) -> None:
    _reads(template, page, orientation, background)


@pytest.mark.nightly
@pytest.mark.parametrize(("template", "page", "orientation", "background"), MATRIX)
def test_the_code_reads_at_90_dpi_everywhere(
    template: str, page: str, orientation: str, background: str | None
) -> None:
    _reads(template, page, orientation, background)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"template": "full-page", "shape": "heart"}, "shape"),
        ({"template": "heart", "wave": "circular"}, "wave"),
        ({"template": "framed", "wave": "circular", "shape": "heart"}, "shape"),
        ({"template": "framed", "font": "comic"}, "font"),
        ({"template": "framed", "background": "tartan"}, "background"),
    ],
)
def test_what_a_template_does_not_offer_is_refused_by_name(options: dict[str, str], named: str) -> None:
    with pytest.raises(OptionNotForTemplate) as refused:
        compose(job(**options))
    assert refused.value.code == "OPTION_NOT_FOR_TEMPLATE"
    assert refused.value.facts["option"] == named
    assert options[named] in refused.value.for_customer()


def test_a_template_that_the_disk_lacks_is_named_and_not_offered() -> None:
    with pytest.raises(TemplateMissing, match=r"sunset\.toml"):
        compose(job(template="sunset"))
    assert "sunset" not in [each["id"] for each in offer()["templates"]]


def test_an_accent_that_nobody_could_see_is_refused() -> None:
    with pytest.raises(ColoursTooClose):
        compose(job(background="#fafafa", accent="#ffffff"))


def test_everything_needed_is_there() -> None:
    assert [line for line in checks() if line.problem] == []


def test_a_missing_template_or_font_is_named_with_its_mend(tmp_path: Path) -> None:
    designs, fonts = tmp_path / "designs", tmp_path / "fonts"
    shutil.copytree(DESIGNS, designs)
    (designs / "heart.toml").unlink()
    (designs / "arch.toml").write_text("order = 1\n")
    fonts.mkdir()
    for path in FONTS.glob("*.ttf"):
        if not path.name.startswith("GreatVibes"):
            (fonts / path.name).symlink_to(path)
    wrong = {line.name: line for line in checks(designs, fonts) if line.problem}
    assert set(wrong) >= {"font Great Vibes"}
    assert all(line.mend for line in wrong.values())
    assert "FONT_MISSING" in wrong["font Great Vibes"].problem
    assert any("arch.toml" in line.problem for line in wrong.values())


@pytest.mark.parametrize("template", BUILT_IN)
@pytest.mark.parametrize("focus", [(0.0, 0.0), (1.0, 1.0), (0.65, 0.375)])
def test_the_photo_is_cropped_to_its_frame_around_the_focus(template: str, focus: tuple[float, float]) -> None:
    options = PosterOptions(template=template)
    width, height, _ = photo_frame(options)
    left, top, right, bottom = photo_crop(options, PIXELS, focus)
    assert 0 <= left < right <= PIXELS[0]
    assert 0 <= top < bottom <= PIXELS[1]
    assert (right - left) / (bottom - top) == pytest.approx(width / height, rel=0.01)
    assert left <= focus[0] * PIXELS[0] <= right
    assert top <= focus[1] * PIXELS[1] <= bottom

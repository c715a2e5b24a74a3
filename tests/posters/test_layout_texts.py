"""Words on posters: any script, literally, smaller when long, refused by name when they can't be set."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pikepdf
import pypdfium2
import pytest
from PIL import Image
from pydantic import ValidationError

from makegood.products.posters.layout import render_pdf, render_png
from makegood.products.posters.layout.design import BUILT_IN
from makegood.products.posters.layout.errors import TextNotPrintable, TextTooLong
from makegood.products.posters.occasions import OCCASIONS
from makegood.products.posters.options import ORIENTATIONS, PosterOptions
from tests.posters.poster_jobs import job


def _words(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    text: str = document[0].get_textpage().get_text_range()
    document.close()
    return " ".join(text.split())


def _fonts(pdf: bytes) -> str:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        found = [each for each in document.objects if isinstance(each, pikepdf.Dictionary) and "/BaseFont" in each]
        return " ".join(str(each["/BaseFont"]) for each in found)


@pytest.mark.parametrize(
    "words",
    [
        '#panic("no")',
        "] #set page(fill: red) [",
        "$x^2$ *bold* _slanted_ `code`",
        r"C:\new\table \u{41} \#",
        "<b>&amp;</b> <label> @ref",
        '"quoted" {"json": 1} \'x\'',
        "// not a comment /* nor this */",
        "{{ 7*7 }} {% if %} ${HOME}",
    ],
)
def test_words_that_look_like_markup_are_printed_as_they_are(words: str) -> None:
    made = _words(render_pdf(job(template="minimal", title="Plain", caption=words)))
    assert words.replace(" ", "") in made.replace(" ", "")


@pytest.mark.parametrize(
    ("words", "font"),
    [
        ("Ελλάδα μου", "Cormorant|Noto"),
        ("Привет, мама", "Cormorant"),
        ("أحبك يا ليلى", "NotoNaskhArabic"),
        ("אני אוהב אותך", "NotoSansHebrew"),
        ("प्यार हमेशा", "NotoSans-|NotoSansDevanagari"),
        ("รักเธอเสมอ", "NotoSansThai"),
        ("我爱你", "NotoSansSC"),
        ("愛しています", "NotoSansJP"),
        ("사랑해요", "NotoSansKR"),
    ],
)
def test_any_script_finds_its_letters(words: str, font: str) -> None:
    made = _fonts(render_pdf(job(title=words, caption="", date="")))
    assert any(each in made for each in font.split("|"))


@pytest.mark.parametrize("emoji", ["❤️", "🐶", "👩🏽‍❤️‍👨🏻", "🏳️‍🌈", "🇵🇹", "👍🏾", "1️⃣", "☀️"])
def test_emoji_keep_their_colours(emoji: str) -> None:
    plain = _colourful(job(template="minimal", title="", caption="", date=""))
    assert _colourful(job(template="minimal", title=emoji, caption="", date="")) > plain + 100


def _colourful(wanted: object) -> int:
    """How many pixels below the photo have a colour (the minimal template is black on white there)."""
    with Image.open(io.BytesIO(render_png(wanted, 800))) as picture:  # type: ignore[arg-type]
        below = picture.convert("HSV").crop((0, picture.height * 6 // 10, picture.width, picture.height))
        return sum(below.getchannel("S").histogram()[91:])


def test_a_joined_emoji_is_one_picture_and_not_its_parts() -> None:
    def width(title: str) -> int:
        with Image.open(io.BytesIO(render_png(job(template="minimal", title=title, caption="", date=""), 800))) as page:
            row = page.convert("L").crop((0, page.height * 74 // 100, page.width * 7 // 10, page.height * 83 // 100))
            box = row.point(lambda level: 255 if level < 240 else 0).getbbox()
            assert box is not None
            return box[2] - box[0]

    assert width("👩🏽‍❤️‍👨🏻") < 1.3 * width("👩")


@pytest.mark.parametrize("template", BUILT_IN)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_long_words_are_set_smaller_and_too_long_ones_are_refused_by_field(template: str, orientation: str) -> None:
    long = {"title": "The day the whole family said yes to a dog", "caption": "And the dog said yes to us. " * 6}
    assert render_png(job(template=template, orientation=orientation, **long), 100)
    for field, words in (("title", "W" * 80), ("caption", "Wonderful\n" * 32)):
        with pytest.raises(TextTooLong) as refused:
            render_png(job(template=template, orientation=orientation, **{field: words}), 100)
        assert refused.value.facts == {"field": field}


def test_nothing_of_a_long_caption_is_cut() -> None:
    caption = " ".join(f"word{number}" for number in range(40))
    made = _words(render_pdf(job(template="gift-card", caption=caption)))
    assert all(f"word{number}" in made for number in range(40))


@pytest.mark.parametrize(("field", "words", "named"), [("title", "Ra 𓂀", "𓂀"), ("caption", "བོད་ and ok", "བ")])
def test_characters_that_no_font_has_are_named_and_never_printed_as_boxes(field: str, words: str, named: str) -> None:
    with pytest.raises(TextNotPrintable) as refused:
        render_png(job(**{field: words}), 100)
    assert refused.value.facts["field"] == field
    assert named in refused.value.for_customer()


@pytest.mark.parametrize("words", ["a\x00b", "a\x07", "a\nb", "a\u2028b", "\x1b[31m"])
def test_control_characters_are_refused(words: str) -> None:
    with pytest.raises(ValidationError):
        PosterOptions(title=words)


def test_right_to_left_words_begin_at_the_right() -> None:
    def middle(title: str) -> float:
        with Image.open(io.BytesIO(render_png(job(template="minimal", title=title, caption="", date=""), 400))) as page:
            row = page.convert("L").crop((0, page.height * 74 // 100, page.width, page.height * 83 // 100))
            box = row.point(lambda level: 255 if level < 128 else 0).getbbox()
            assert box is not None
            return (box[0] + box[2]) / 2 / page.width

    assert middle("Layla") < 0.4
    assert middle("ليلى") > 0.6


def test_a_poster_needs_no_words_at_all() -> None:
    for template in BUILT_IN:
        assert render_png(job(template=template, title="", caption="", date=""), 100)


@pytest.mark.parametrize("occasion", OCCASIONS, ids=lambda each: each.id)
def test_every_suggestion_fits_its_template_in_both_orientations(occasion: object) -> None:
    for suggestion in occasion.suggestions:  # type: ignore[attr-defined]
        for orientation in ORIENTATIONS:
            words = {"title": suggestion.title, "caption": suggestion.caption, "date": "Sunday, 14 June 2026"}
            assert render_png(job(template=occasion.template, orientation=orientation, **words), 100)  # type: ignore[attr-defined]


def test_the_wave_shows_the_whole_clip() -> None:
    quiet_then_loud = replace(job(template="minimal"), wave=[0.0] * 900 + [1.0] * 100)
    with Image.open(io.BytesIO(render_png(quiet_then_loud, 800))) as page:
        left, right, top, bottom = 0.1, 0.9, 1 - (42 + 9) / math.sqrt(2) / 100, 1 - 42 / math.sqrt(2) / 100
        box = tuple(round(v) for v in (left * 800, top * page.height, right * 800, bottom * page.height))
        band = page.convert("L").crop(box)
        dark = [sum(1 for y in range(band.height) if band.getpixel((x, y)) < 128) for x in range(band.width)]
    loudest = max(dark)
    tall = [x for x, count in enumerate(dark) if count > 0.8 * loudest]
    assert min(tall) > 0.88 * band.width
    assert max(tall) > 0.97 * band.width

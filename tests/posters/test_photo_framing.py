"""A photo is cut around its subject, and a coarse print is announced."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from makegood.products.posters.photo import crop_box, dpi, print_warning
from makegood.products.posters.photo.orientation import stored_box, upright

SIDES = st.integers(1, 12_000)
SHARES = st.floats(0, 1)
ASPECTS = st.floats(0.1, 10)


@given(SIDES, SIDES, ASPECTS, SHARES, SHARES)
def test_a_frame_lies_inside_keeps_its_aspect_and_holds_the_focus(
    width: int, height: int, aspect: float, focus_x: float, focus_y: float
) -> None:
    x0, y0, x1, y1 = crop_box(width, height, aspect, (focus_x, focus_y))
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    across, down = x1 - x0, y1 - y0
    assert abs(across - down * aspect) <= 1 or abs(down - across / aspect) <= 1
    assert across == width or down == height
    assert x0 <= focus_x * width <= x1
    assert y0 <= focus_y * height <= y1


@given(SIDES, SIDES, ASPECTS, SHARES, SHARES)
def test_the_focus_comes_to_the_middle_or_slightly_above_unless_an_edge_is_in_the_way(
    width: int, height: int, aspect: float, focus_x: float, focus_y: float
) -> None:
    x0, y0, x1, y1 = crop_box(width, height, aspect, (focus_x, focus_y))
    assume(x1 - x0 < width or y1 - y0 < height)
    if x0 > 0 and x1 < width:
        assert abs(focus_x * width - (x0 + x1) / 2) <= 1
    if y0 > 0 and y1 < height:
        above = (focus_y * height - y0) / (y1 - y0)
        assert 0.40 - 1 / (y1 - y0) <= above <= 0.5 + 1 / (y1 - y0)


@pytest.mark.parametrize("aspect", [0, -1, float("inf"), float("nan")])
def test_an_impossible_frame_is_refused(aspect: float) -> None:
    with pytest.raises(ValueError, match="aspect"):
        crop_box(100, 100, aspect, (0.5, 0.5))


@given(st.integers(1, 8), st.tuples(*[st.integers(0, 6)] * 2), st.tuples(*[st.integers(1, 4)] * 2))
def test_a_box_of_the_shown_picture_is_found_in_the_stored_one(
    orientation: int, corner: tuple[int, int], extent: tuple[int, int]
) -> None:
    stored = Image.frombytes("L", (12, 10), bytes(range(120)))
    shown = upright(stored, orientation)
    box = (corner[0], corner[1], corner[0] + extent[0], corner[1] + extent[1])
    assume(box[2] <= shown.width and box[3] <= shown.height)
    part = tuple(int(edge) for edge in stored_box(box, shown.size, orientation))
    assert upright(stored.crop(part), orientation).tobytes() == shown.crop(box).tobytes()


def test_dots_per_inch() -> None:
    assert dpi(2480, 210) == pytest.approx(300, abs=0.1)


def test_a_fine_print_gives_no_warning() -> None:
    assert print_warning(1654, 2339, 210, 297) is None


@pytest.mark.parametrize("pixels", [(1600, 2339), (1654, 2200)])
def test_a_coarse_print_names_its_fineness_and_the_pixels_it_would_need(pixels: tuple[int, int]) -> None:
    warning = print_warning(*pixels, 210, 297)
    assert warning is not None
    assert str(int(min(dpi(pixels[0], 210), dpi(pixels[1], 297)))) in warning
    needed = [int(word) for word in warning.replace(".", "").split() if word.isdigit()][-2:]
    assert print_warning(needed[0], needed[1], 210, 297) is None

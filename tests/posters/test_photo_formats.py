"""Every kind of photo opens upright, at its size, in the right colours."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from makegood.products.posters.photo import inspect_photo, print_photo
from tests.posters.photo_files import display_p3_icc, saved

FIXTURES = Path(__file__).parent / "fixtures" / "photo"

RED, GREEN, BLUE, YELLOW = (0xD0, 0x20, 0x20), (0x20, 0xA0, 0x40), (0x20, 0x40, 0xC0), (0xE0, 0xC0, 0x20)
WHITE = (255, 255, 255)

QUARTERS = [
    ("baseline.jpg", "image/jpeg"),
    ("progressive.jpg", "image/jpeg"),
    ("ycck.jpg", "image/jpeg"),
    *((f"orientation-{number}.jpg", "image/jpeg") for number in range(1, 9)),
    ("private.jpg", "image/jpeg"),
    ("rgb.png", "image/png"),
    ("interlaced.png", "image/png"),
    ("palette.png", "image/png"),
    ("lossy.webp", "image/webp"),
    ("lossless.webp", "image/webp"),
    ("animated.webp", "image/webp"),
    ("still.gif", "image/gif"),
    ("animated.gif", "image/gif"),
    ("rgb.bmp", "image/bmp"),
    ("rle.bmp", "image/bmp"),
    ("rgb-lzw.tiff", "image/tiff"),
    ("cmyk.tiff", "image/tiff"),
    ("turned.tiff", "image/tiff"),
    ("pages.tiff", "image/tiff"),
    ("photo.heic", "image/heic"),
    ("photo.avif", "image/avif"),
    ("turned.avif", "image/avif"),
]


def proxy_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(inspect_photo(path, path.name).proxy))).astype(int)


def print_of(path: Path, folder: Path, **options: object) -> np.ndarray:
    target = folder / "print.jpg"
    print_photo(path, target, **({"max_width_px": 4000, "max_height_px": 4000} | options))
    return np.asarray(Image.open(target)).astype(int)


def assert_quarters(pixels: np.ndarray, tolerance: int = 14) -> None:
    assert pixels.shape == (240, 320, 3)
    for (x, y), colour in {
        (20, 100): RED,
        (60, 50): WHITE,
        (300, 20): GREEN,
        (20, 220): BLUE,
        (300, 220): YELLOW,
    }.items():
        assert np.abs(pixels[y - 3 : y + 4, x - 3 : x + 4].mean(axis=(0, 1)) - colour).max() <= tolerance, (x, y)


@pytest.mark.parametrize(("name", "media_type"), QUARTERS)
def test_each_format_is_shown_upright_in_its_colours(name: str, media_type: str, tmp_path: Path) -> None:
    facts = inspect_photo(FIXTURES / name, "whatever.bin")
    assert (facts.media_type, facts.width, facts.height) == (media_type, 320, 240)
    assert_quarters(proxy_of(FIXTURES / name))
    assert_quarters(print_of(FIXTURES / name, tmp_path))


def test_a_heic_is_turned_once_as_its_container_says(tmp_path: Path) -> None:
    import pillow_heif

    stored = Image.open(FIXTURES / "rgb.png").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    heic = tmp_path / "phone.heic"
    pillow_heif.from_pillow(stored).save(heic, quality=90, exif=exif.tobytes())
    assert b"irot" in heic.read_bytes()
    assert_quarters(proxy_of(heic))


@pytest.mark.parametrize(
    "name",
    ["gradient-grey16.png", "gradient-rgb16.png", "gradient-grey16-big-endian.tiff", "gradient-rgb16.tiff"],
)
def test_sixteen_bits_become_eight_without_clipping(name: str, tmp_path: Path) -> None:
    row = print_of(FIXTURES / name, tmp_path)[120, :, 0]
    assert np.abs(row - np.linspace(0, 255, 320)).max() <= 4


def test_a_grey_and_a_bilevel_photo_stay_grey(tmp_path: Path) -> None:
    for name in ("grey.jpg", "bilevel.png"):
        pixels = print_of(FIXTURES / name, tmp_path)
        assert int(np.ptp(pixels, axis=2).max()) <= 3
        assert int(np.ptp(pixels)) > 150


@pytest.mark.parametrize("name", ["alpha.png", "alpha.webp"])
def test_transparent_parts_become_white_and_the_customer_is_told(name: str) -> None:
    facts = inspect_photo(FIXTURES / name, name)
    pixels = proxy_of(FIXTURES / name)
    assert facts.has_alpha
    assert any("transparent" in warning for warning in facts.warnings)
    assert pixels[:3, :3].min() >= 245
    assert np.abs(pixels[120, 160] - (0xFF, 0x80, 0x40)).max() <= 14


def test_a_transparent_colour_of_a_palette_becomes_white() -> None:
    pixels = proxy_of(FIXTURES / "palette-alpha.png")
    assert pixels[220, 300].min() >= 245
    assert np.abs(pixels[220, 20] - BLUE).max() <= 14


def test_a_solid_alpha_channel_is_no_reason_for_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "solid.png"
    Image.open(FIXTURES / "rgb.png").convert("RGBA").save(path)
    facts = inspect_photo(path, path.name)
    assert facts.has_alpha
    assert facts.warnings == ()


@pytest.mark.parametrize("name", ["animated.gif", "animated.webp", "pages.tiff"])
def test_of_an_animation_the_first_frame_is_used_and_the_customer_is_told(name: str) -> None:
    facts = inspect_photo(FIXTURES / name, name)
    assert facts.animated
    assert any("first" in warning for warning in facts.warnings)


@pytest.mark.parametrize("name", ["still.gif", "lossy.webp", "rgb-lzw.tiff", "photo.heic", "photo.avif", "rgb.png"])
def test_a_still_picture_is_not_called_animated(name: str) -> None:
    facts = inspect_photo(FIXTURES / name, name)
    assert not facts.animated
    assert facts.warnings == ()


# From the matrix of CSS Color 4.
P3_IN_SRGB = [((200, 100, 100), (216, 93, 96)), ((100, 200, 100), (45, 203, 85)), ((120, 120, 120), (120, 120, 120))]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(("p3", "srgb"), P3_IN_SRGB)
def test_a_wide_gamut_photo_is_converted(
    kind: str, p3: tuple[int, int, int], srgb: tuple[int, int, int], tmp_path: Path
) -> None:
    path = tmp_path / "phone"
    Image.new("RGB", (300, 300), p3).save(path, kind, quality=95, icc_profile=display_p3_icc())
    assert inspect_photo(path, path.name).colour_profile == "Display P3"
    assert np.abs(print_of(path, tmp_path)[150, 150] - srgb).max() <= 3


def test_a_plain_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    path = tmp_path / "cmyk.jpg"
    Image.open(FIXTURES / "rgb.png").convert("RGB").convert("CMYK").save(path, quality=90)
    assert_quarters(print_of(path, tmp_path))


@pytest.mark.parametrize("icc", [b"not a profile at all", display_p3_icc()[:200], bytes(128)])
def test_a_broken_profile_is_set_aside_with_a_warning(icc: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    Image.open(FIXTURES / "rgb.png").save(path, "JPEG", quality=90, icc_profile=icc)
    facts = inspect_photo(path, path.name)
    assert facts.colour_profile == "sRGB"
    assert any("colour profile" in warning for warning in facts.warnings)
    assert_quarters(print_of(path, tmp_path))


def test_a_profile_for_other_colours_than_the_pictures_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "cmyk-with-rgb-profile.jpg"
    path.write_bytes(saved(Image.new("CMYK", (300, 300), (0, 200, 200, 0)), "JPEG", icc_profile=display_p3_icc()))
    facts = inspect_photo(path, path.name)
    assert facts.colour_profile == "CMYK"
    assert any("colour profile" in warning for warning in facts.warnings)


def test_a_grey_photo_with_a_profile_for_rgb_still_opens(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    path.write_bytes(saved(Image.new("L", (300, 300), 90), "PNG", icc_profile=display_p3_icc()))
    assert inspect_photo(path, path.name).warnings == ()
    assert np.abs(print_of(path, tmp_path)[150, 150] - 90).max() <= 2

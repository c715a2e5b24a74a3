"""What is no acceptable photo is turned away with its reason, quickly and in little memory."""

from __future__ import annotations

import pickle
import zlib
from pathlib import Path

import pytest
from PIL import Image

from makegood.kernel.errors import MakegoodError, Rejected
from makegood.products.posters.photo import (
    PhotoDamaged,
    PhotoTooManyPixels,
    PhotoTooSmall,
    PhotoUnreadable,
    inspect_photo,
    print_photo,
)
from tests.posters import photo_files

FIXTURES = Path(__file__).parent / "fixtures" / "photo"
EXIF_TAGS = [(0x9000 + number, 7, 60_000, 8) for number in range(900)]


def written(folder: Path, data: bytes) -> Path:
    path = folder / "upload.jpg"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b"Dear shop,\nthis is my photo.\n", "a text file"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="400"/>', "an SVG drawing"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"%PDF-1.4\n%%EOF\n", "a PDF document"),
        (b"PK\x03\x04\x14\0\0\0\0\0", "a ZIP archive or an office document"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a film or a recording"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "a camera raw file"),
        (b"8BPS\0\x01", "a Photoshop document"),
        (bytes(range(200)), "of a kind we don't know"),
        (photo_files.tiff(400, 300, [(0xC612, 1, 4, 1)]), "a camera raw file"),
        (photo_files.tiff(400, 300, [(0x00FE, 4, 1, 1)]), "a camera raw file"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(PhotoUnreadable) as caught:
        inspect_photo(written(tmp_path, data), "upload.jpg")
    assert what in caught.value.for_customer()


def test_values_that_no_print_can_show_are_turned_away(tmp_path: Path) -> None:
    data = photo_files.saved(Image.new("F", (300, 300), 0.5), "TIFF")
    with pytest.raises(PhotoUnreadable):
        inspect_photo(written(tmp_path, data), "upload.tiff")


BOMBS = {
    "png, 200 megapixels": photo_files.png(20_000, 10_000),
    "png, 4 gigapixels": photo_files.png(65_000, 65_000),
    "jpeg": photo_files.jpeg(20_000, 10_000),
    "gif": photo_files.gif(65_535, 65_535),
    "webp": photo_files.webp(16_000, 12_000),
    "bmp": photo_files.bmp(20_000, 10_000),
    "tiff": photo_files.tiff(20_000, 10_000),
    "just over the limit": photo_files.png(10_001, 10_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_too_many_pixels_are_noticed_before_any_is_decoded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a bomb was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    with pytest.raises(PhotoTooManyPixels) as caught:
        inspect_photo(written(tmp_path, BOMBS[name]), "upload.jpg")
    assert "100 megapixels" in caught.value.for_customer()


def test_the_print_is_as_careful_as_the_inspection(tmp_path: Path) -> None:
    for data, error in [(photo_files.png(20_000, 10_000), PhotoTooManyPixels), (b"text", PhotoUnreadable)]:
        with pytest.raises(error):
            print_photo(written(tmp_path, data), tmp_path / "print.jpg", max_width_px=100, max_height_px=100)
    assert not (tmp_path / "print.jpg").exists()


@pytest.mark.parametrize(("width", "height"), [(199, 4000), (4000, 199), (1, 1)])
def test_a_tiny_photo_is_turned_away(width: int, height: int, tmp_path: Path) -> None:
    data = photo_files.saved(Image.new("RGB", (width, height)), "PNG")
    with pytest.raises(PhotoTooSmall) as caught:
        inspect_photo(written(tmp_path, data), "upload.png")
    assert f"{width} × {height}" in caught.value.for_customer()


CUT = [
    "baseline.jpg",
    "progressive.jpg",
    "rgb.png",
    "interlaced.png",
    "lossy.webp",
    "still.gif",
    "rgb.bmp",
    "rgb-lzw.tiff",
    "gradient-rgb16.tiff",
    "photo.heic",
    "photo.avif",
]


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6])
@pytest.mark.parametrize("name", CUT)
def test_a_file_that_ends_early_is_called_damaged(name: str, share: float, tmp_path: Path) -> None:
    whole = (FIXTURES / name).read_bytes()
    with pytest.raises(PhotoDamaged) as caught:
        inspect_photo(written(tmp_path, whole[: int(len(whole) * share)]), name)
    assert "damaged" in caught.value.for_customer()


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_chunk_that_unpacks_to_gigabytes_is_refused(kind: bytes, tmp_path: Path) -> None:
    bomb = photo_files.chunk(kind, b"name\0\0" + zlib.compress(bytes(64 << 20)))
    with pytest.raises(PhotoDamaged, match="too large"):
        inspect_photo(written(tmp_path, photo_files.png(300, 300, bomb, rows=300)), "upload.png")


def test_a_profile_that_does_not_unpack_is_set_aside_with_a_warning(tmp_path: Path) -> None:
    profile = photo_files.chunk(b"iCCP", b"name\0\0" + b"not compressed")
    facts = inspect_photo(written(tmp_path, photo_files.png(300, 300, profile, rows=300)), "upload.png")
    assert any("colour profile" in warning for warning in facts.warnings)


def test_tags_that_a_decoder_would_copy_a_thousand_times_are_refused(tmp_path: Path) -> None:
    tiff = photo_files.tiff(300, 300, EXIF_TAGS) + bytes(90_000)
    exif = b"Exif\0\0" + photo_files.tiff(300, 300, [(tag, 7, 20_000, 8) for tag, _, _, _ in EXIF_TAGS])
    jpeg = photo_files.saved(Image.new("RGB", (300, 300)), "JPEG", exif=exif)
    for data in (tiff, jpeg):
        with pytest.raises(PhotoDamaged, match="tags"):
            inspect_photo(written(tmp_path, data), "upload")


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0garbage and more", b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(9)]
)
def test_a_malformed_exif_block_is_no_reason_to_refuse_a_good_photo(exif: bytes, tmp_path: Path) -> None:
    data = photo_files.saved(Image.new("RGB", (320, 240), "teal"), "JPEG", exif=exif)
    assert inspect_photo(written(tmp_path, data), "upload.jpg").width == 320


@pytest.mark.parametrize("name", ["photo.heic", "photo.avif", "lossy.webp", "rgb-lzw.tiff", "baseline.jpg", "rgb.png"])
def test_flipped_bytes_never_give_anything_but_a_photo_or_a_named_error(name: str, tmp_path: Path) -> None:
    whole = (FIXTURES / name).read_bytes()
    outcomes = set()
    for at in range(0, min(len(whole), 600), 5):
        data = bytearray(whole)
        data[at] ^= 0xFF
        try:
            print_photo(written(tmp_path, bytes(data)), tmp_path / "print.jpg", max_width_px=64, max_height_px=64)
        except Rejected as error:
            outcomes.add(error.code)
    assert outcomes
    assert all(code.startswith("PHOTO_") for code in outcomes)


def test_a_missing_file_is_not_taken_for_a_damaged_photo(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspect_photo(tmp_path / "gone.jpg", "gone.jpg")


def test_errors_survive_the_way_out_of_another_process(tmp_path: Path) -> None:
    with pytest.raises(MakegoodError) as caught:
        inspect_photo(written(tmp_path, photo_files.png(20_000, 10_000)), "upload.png")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.code, again.for_customer()) == ("PHOTO_TOO_MANY_PIXELS", caught.value.for_customer())

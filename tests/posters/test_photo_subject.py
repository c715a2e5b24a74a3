"""Where the subject of a photo is, which colours it has, and what a print of it keeps and leaves out."""

from __future__ import annotations

import json
import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from makegood.products.posters.photo import (
    DetectorMissing,
    crop_box,
    detector_problem,
    faces,
    inspect_photo,
    print_photo,
)
from makegood.products.posters.photo.palette import INK, PAPER, contrast
from tests.posters import samples

FIXTURES = Path(__file__).parent / "fixtures" / "photo"
SECRETS = (b"Secret", b"Exif", b"http://ns.adobe.com", b"Photoshop", b"GPS", b"ICC_PROFILE", b"JFXX")
FACE = (0.504, 0.426)


@pytest.fixture(scope="session")
def portrait() -> Image.Image:
    return samples.paint("portrait", 900)


@pytest.fixture(scope="session")
def mountains() -> Image.Image:
    return samples.paint("mountains", 900)


def saved(image: Image.Image, folder: Path, name: str = "photo.jpg") -> Path:
    path = folder / name
    image.save(path, quality=90)
    return path


def on_wall(portrait: Image.Image, size: tuple[int, int], at: tuple[int, int]) -> Image.Image:
    wall = Image.new("RGB", size, "#8a8f98")
    wall.paste(portrait, at)
    return wall


def test_the_focus_is_on_a_face(portrait: Image.Image, tmp_path: Path) -> None:
    facts = inspect_photo(saved(portrait, tmp_path), "photo.jpg")
    assert len(facts.faces) == 1
    assert facts.faces[0].confidence > 0.6
    assert (facts.focus_x, facts.focus_y) == pytest.approx(FACE, abs=0.05)


@pytest.mark.parametrize("corner", [(0, 0), (1210, 0), (0, 810), (1210, 810)])
def test_a_small_face_in_a_corner_is_found(corner: tuple[int, int], portrait: Image.Image, tmp_path: Path) -> None:
    wall = on_wall(portrait.resize((192, 240)), (1400, 1050), corner)
    facts = inspect_photo(saved(wall, tmp_path), "photo.jpg")
    expected = (corner[0] + FACE[0] * 192) / 1400, (corner[1] + FACE[1] * 240) / 1050
    assert (facts.focus_x, facts.focus_y) == pytest.approx(expected, abs=0.02)


def test_a_face_that_fills_the_frame_is_found(portrait: Image.Image, tmp_path: Path) -> None:
    facts = inspect_photo(saved(portrait.crop((250, 300, 470, 540)), tmp_path), "photo.jpg")
    assert (facts.focus_x, facts.focus_y) == pytest.approx((0.5, 0.35), abs=0.15)


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270])
def test_the_face_of_somebody_who_lies_is_found(
    turn: Image.Transpose, portrait: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So sure the detector is only of an upright face: it has to turn the picture.
    monkeypatch.setattr(faces, "_SURE", 0.8)
    monkeypatch.setattr(faces, "_SURE_ON_SECOND_LOOK", 0.8)
    facts = inspect_photo(saved(portrait.transpose(turn), tmp_path), "photo.jpg")
    x, y = FACE
    expected = (y, 1 - x) if turn is Image.Transpose.ROTATE_90 else (1 - y, x)
    assert (facts.focus_x, facts.focus_y) == pytest.approx(expected, abs=0.04)
    assert facts.faces[0].width < facts.faces[0].height * 1.5


def test_the_larger_of_two_faces_draws_the_focus(portrait: Image.Image, tmp_path: Path) -> None:
    pair = on_wall(portrait.resize((640, 800)), (1600, 900), (60, 60))
    pair.paste(portrait.resize((440, 550)), (1050, 200))
    facts = inspect_photo(saved(pair, tmp_path), "photo.jpg")
    assert len(facts.faces) == 2
    assert (60 + FACE[0] * 640) / 1600 < facts.focus_x < 0.5


@pytest.mark.parametrize("aspect", [0.3, 1.0, 3.0])
def test_a_crop_keeps_the_face(aspect: float, portrait: Image.Image, tmp_path: Path) -> None:
    wall = on_wall(portrait.resize((640, 800)), (1600, 1200), (900, 380))
    facts = inspect_photo(saved(wall, tmp_path), "photo.jpg")
    (face,) = facts.faces
    x0, y0, x1, y1 = crop_box(1600, 1200, aspect, (facts.focus_x, facts.focus_y))
    assert x0 <= (face.x - face.width / 2) * 1600
    assert (face.x + face.width / 2) * 1600 <= x1
    assert y0 <= (face.y - face.height / 2) * 1200
    assert (face.y + face.height / 2) * 1200 <= y1


@pytest.mark.parametrize("at", [(0.3, 0.3), (0.7, 0.35), (0.5, 0.6)])
def test_without_a_face_the_focus_is_on_what_stands_out(at: tuple[float, float], tmp_path: Path) -> None:
    pixels = np.tile(np.linspace(120, 170, 900, dtype=np.uint8)[None, :, None], (600, 1, 3))
    boat = Image.fromarray(pixels)
    boat.paste("#b02010", (int(at[0] * 900) - 40, int(at[1] * 600) - 40, int(at[0] * 900) + 40, int(at[1] * 600) + 40))
    facts = inspect_photo(saved(boat, tmp_path), "photo.jpg")
    assert facts.faces == ()
    assert (facts.focus_x, facts.focus_y) == pytest.approx(at, abs=0.08)


@pytest.mark.parametrize("colour", ["white", "black", "#336699"])
def test_an_empty_picture_has_a_focus_too(colour: str, tmp_path: Path) -> None:
    facts = inspect_photo(saved(Image.new("RGB", (400, 300), colour), tmp_path), "photo.jpg")
    assert 0.2 <= facts.focus_x <= 0.8
    assert 0.2 <= facts.focus_y <= 0.8
    assert len(facts.palette) == 1


def test_a_landscape_has_no_face_and_its_focus_is_not_at_the_edge(mountains: Image.Image, tmp_path: Path) -> None:
    facts = inspect_photo(saved(mountains, tmp_path), "photo.jpg")
    assert facts.faces == ()
    assert 0.2 <= facts.focus_x <= 0.8
    assert 0.2 <= facts.focus_y <= 0.8


@pytest.mark.parametrize("content", [None, b"other weights"])
def test_absent_or_foreign_weights_are_named_with_the_way_to_mend_it(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights").mkdir()
    if content is not None:
        (tmp_path / "weights" / faces.WEIGHTS).write_bytes(content)
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    faces._network.cache_clear()
    assert faces.WEIGHTS in detector_problem() or "sha256" in detector_problem()
    with pytest.raises(DetectorMissing) as caught:
        faces.find_faces(np.zeros((300, 300, 3), np.uint8))
    assert "@mediapipe/face_detection" in caught.value.for_operator()
    assert "weights" not in caught.value.for_customer()


def colour_of(text: str) -> tuple[int, int, int]:
    red, green, blue = (int(text[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def test_the_palette_has_the_colours_of_the_picture() -> None:
    palette = [np.array(colour_of(text)) for text in inspect_photo(FIXTURES / "rgb.png", "rgb.png").palette]
    for wanted in ((0xD0, 0x20, 0x20), (0x20, 0xA0, 0x40), (0x20, 0x40, 0xC0), (0xE0, 0xC0, 0x20)):
        assert min(np.abs(found - wanted).max() for found in palette) <= 6


def test_a_small_vivid_patch_makes_it_into_the_palette(tmp_path: Path) -> None:
    snow = np.full((600, 600, 3), 235, np.uint8)
    snow[:, :, 0] -= np.arange(600, dtype=np.uint8)[:, None] // 16
    snow[250:350, 280:330] = (200, 20, 30)
    facts = inspect_photo(saved(Image.fromarray(snow), tmp_path), "photo.jpg")
    assert any(red > 150 and green < 100 for red, green, _ in map(colour_of, facts.palette))
    accent = colour_of(facts.accent)
    assert accent[0] > 2 * accent[1]


@pytest.mark.parametrize(
    "colour", ["white", "black", "#808080", "#ffff00", "#0000ff", "#ff0000", "#00ff00", "#fef0e0", "#101020"]
)
def test_the_accent_reads_on_paper_and_beside_ink(colour: str, tmp_path: Path) -> None:
    facts = inspect_photo(saved(Image.new("RGB", (300, 300), colour), tmp_path), "photo.jpg")
    assert contrast(colour_of(facts.accent), PAPER) >= 3.5
    assert contrast(colour_of(facts.accent), INK) >= 3


def test_nothing_that_tells_on_the_owner_survives(tmp_path: Path) -> None:
    original = (FIXTURES / "private.jpg").read_bytes()
    assert b"SecretOwner" in original
    assert b"SecretCity" in original
    facts = inspect_photo(FIXTURES / "private.jpg", "private.jpg")
    print_photo(FIXTURES / "private.jpg", tmp_path / "print.jpg", max_width_px=300, max_height_px=300)
    for derived in (facts.proxy, (tmp_path / "print.jpg").read_bytes(), json.dumps(facts.as_facts()).encode()):
        assert not any(secret in derived for secret in SECRETS)
        assert len(derived) < len(original) * 3


@pytest.mark.parametrize("name", ["private.jpg", "ycck.jpg", "alpha.png", "photo.heic", "photo.avif", "still.gif"])
def test_the_same_photo_gives_the_same_facts_and_the_same_print(name: str, tmp_path: Path) -> None:
    assert inspect_photo(FIXTURES / name, name) == inspect_photo(FIXTURES / name, name)
    prints = []
    for number in (1, 2):
        target = tmp_path / f"{number}.jpg"
        print_photo(FIXTURES / name, target, max_width_px=200, max_height_px=200, aspect=0.7, focus=(0.3, 0.4))
        prints.append(target.read_bytes())
    assert prints[0] == prints[1]


def test_facts_travel_between_processes_and_into_json(portrait: Image.Image, tmp_path: Path) -> None:
    facts = inspect_photo(saved(portrait, tmp_path), "photo.jpg")
    assert pickle.loads(pickle.dumps(facts)) == facts
    as_json = json.loads(json.dumps(facts.as_facts()))
    assert as_json["width"] == portrait.width
    assert as_json["faces"][0]["confidence"] > 0.6


def test_a_proxy_is_small_and_shows_the_whole_photo(tmp_path: Path) -> None:
    facts = inspect_photo(saved(samples.paint("bokeh", 2400), tmp_path), "photo.jpg")
    proxy = Image.open(BytesIO(facts.proxy))
    assert proxy.size == (facts.proxy_width, facts.proxy_height) == (1400, 933)
    assert (facts.width, facts.height) == (2400, 1600)
    assert len(facts.proxy) < 600_000


@pytest.mark.parametrize(
    ("space", "aspect", "size"),
    [
        ((5000, 5000), None, (720, 900)),
        ((5000, 5000), 1.0, (720, 720)),
        ((300, 5000), 1.0, (300, 300)),
        ((5000, 300), 0.5, (150, 300)),
        ((360, 450), None, (360, 450)),
    ],
)
def test_a_print_fits_its_space_and_is_never_blown_up(
    space: tuple[int, int], aspect: float | None, size: tuple[int, int], portrait: Image.Image, tmp_path: Path
) -> None:
    target = tmp_path / "print.jpg"
    facts = print_photo(
        saved(portrait, tmp_path), target, max_width_px=space[0], max_height_px=space[1], aspect=aspect, focus=FACE
    )
    made = Image.open(target)
    assert made.size == (facts.width, facts.height) == size
    assert (made.format, made.mode, made.info.get("progressive")) == ("JPEG", "RGB", None)
    assert {(component[1], component[2]) for component in made.layer} == {(1, 1)}


@pytest.mark.parametrize("space", [150, 300, 600])
def test_a_print_shows_the_part_that_its_frame_names(space: int, mountains: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "print.jpg"
    turned = mountains.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    source = tmp_path / "photo.jpg"
    turned.save(source, quality=95, exif=exif)
    facts = print_photo(source, target, max_width_px=space, max_height_px=space, aspect=1.3, focus=(0.2, 0.8))
    expected = mountains.crop(facts.frame).resize((facts.width, facts.height), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(Image.open(target), int) - np.asarray(expected, int)).mean() < 3


def test_samples_are_the_same_each_time() -> None:
    for name in samples.NAMES:
        assert samples.paint(name, 300).tobytes() == samples.paint(name, 300).tobytes()

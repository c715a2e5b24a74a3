"""The same unit comes out the same, whoever makes it and however often: a lost file can be made again."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from makegood.products.posters import making, photo, sound
from makegood.products.posters.making import Material
from makegood.products.posters.options import PosterOptions

FORMS: list[dict[str, Any]] = [
    {"template": "framed"},
    {"template": "gift-card", "bleed": 3, "orientation": "landscape", "wave": "gradient", "page": "Letter"},
    {"template": "heart", "accent": "photo", "title": "शुभ दिन ❤ 愛", "caption": "مرحبا\nagain", "lang": "hi"},
]


def made(material: Material, folder: Path) -> dict[str, bytes]:
    """Everything of one unit, made where this runs."""
    folder.mkdir()
    making.cut(material, folder / "sound.m4a", folder / "listening.json")
    making.draw(material, folder, folder / "poster.pdf", folder / "poster.png", folder / "poster.jpg")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def material(poster_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("material")
    seen = photo.inspect_photo(poster_files["photo"], "photo.jpg")
    heard = sound.inspect_sound(poster_files["sound"], "sound.wav")
    (folder / "proxy.jpg").write_bytes(seen.proxy)
    (folder / "peaks.bin").write_bytes(heard.peaks.to_bytes())
    return Material(
        options=PosterOptions(), photo=poster_files["photo"], proxy=folder / "proxy.jpg", sound=poster_files["sound"],
        peaks=folder / "peaks.bin", photo_facts=seen.as_facts(), sound_facts=heard.as_facts(),
        url="HTTPS://SHOP.EXAMPLE/L/0123456789", dated=datetime(2024, 2, 29, 12, tzinfo=UTC),
    )  # fmt: skip


def test_two_processes_make_the_same_bytes(material: Material, tmp_path: Path) -> None:
    # Spawned, so that nothing of this process, and no seed of its hashes, is theirs too.
    spawn = multiprocessing.get_context("spawn")
    wanted = [_with(material, form) for form in FORMS]
    results = []
    for number in range(2):
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            # The other way round in the second: what was made before must not matter.
            order = wanted if number == 0 else wanted[::-1]
            futures = [pool.submit(made, each, tmp_path / f"{number}-{wanted.index(each)}") for each in order]
            found = [future.result(120) for future in futures]
            results.append(found if number == 0 else found[::-1])
    for form, first, second in zip(FORMS, *results, strict=True):
        assert set(first) == {"listening.json", "photo.jpg", "poster.jpg", "poster.pdf", "poster.png", "sound.m4a"}
        assert [name for name in first if first[name] != second[name]] == [], form
    assert len({result["poster.pdf"] for result in results[0]}) == len(FORMS)


def _with(material: Material, form: dict[str, Any]) -> Material:
    values = {name: getattr(material, name) for name in material.__slots__}
    return Material(**{**values, "options": PosterOptions(**form)})

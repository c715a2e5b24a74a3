"""The example of docs/writing-a-product.md is a product: installed as it is printed, sold, and delivered."""

from __future__ import annotations

import importlib
import io
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pypdfium2
import pytest
from PIL import Image

from makegood.testing import Example, problems
from tests.shops import Customer, Shop

DOCUMENT = Path(__file__).parents[2] / "docs" / "writing-a-product.md"
FILE = re.compile(r'^```\w+ title="(?P<path>[^"]+)"\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)
CARD = {"name": "Zoë", "colour": "#b5651d"}


def printed_files() -> dict[str, str]:
    """The files that the document prints, by their paths."""
    return {found["path"]: found["text"] for found in FILE.finditer(DOCUMENT.read_text())}


def install(folder: Path) -> Path:
    """Put the package where Python finds it and its entry point, as an installer would; returns that folder."""
    files = printed_files()
    project = tomllib.loads(files["pyproject.toml"])["project"]
    site = folder / "site"
    for path, text in files.items():
        if path.startswith("src/"):
            target = site / path.removeprefix("src/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(about)
    points = [
        f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(points))
    return site


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop in whose environment the printed package is installed."""
    folder = tmp_path_factory.mktemp("greetings")
    path = os.pathsep.join(filter(None, [str(install(folder)), os.environ.get("PYTHONPATH")]))
    with Shop(folder, PYTHONPATH=path) as running:
        yield running


def delivered_files(customer: Customer, number: str) -> dict[str, bytes]:
    """The order's artefacts once it is delivered, as its customer downloads them."""
    order = customer.at_rest(number)
    assert order["state"] == "delivered", order["units"]
    [unit] = order["units"]
    return {artefact["name"]: customer.http.get(artefact["url"]).content for artefact in unit["artefacts"]}


def test_the_printed_product_is_sold_and_delivered(shop: Shop) -> None:
    customer = shop.customer()
    draft = customer.draft({}, "greetings", **CARD)
    preview = customer.http.get(f"/api/v1/drafts/{draft}/preview")
    order = customer.payable(customer.checkout(draft)["number"])

    shop.provider.act(order["ref"])

    files = delivered_files(customer, order["number"])
    assert shop.provider.kept(order["payment"]["id"]) == order["total"]["minor"] == 199
    pdf = pypdfium2.PdfDocument(files["card.pdf"])
    assert "Zoë" in pdf[0].get_textpage().get_text_bounded()
    assert [round(points * 25.4 / 72) for points in pdf[0].get_size()] == [148, 105]
    with Image.open(io.BytesIO(files["card.png"])) as card, Image.open(io.BytesIO(preview.content)) as marked:
        assert card.size == marked.size
        assert card.tobytes() != marked.tobytes()


def test_the_printed_product_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path)))
    product = importlib.import_module("greeting_cards").product

    assert problems(product, Example({"name": "Ada"})) == {}


def test_the_printed_product_survives_a_kill_after_it_was_made_and_before_that_was_recorded(shop: Shop) -> None:
    customer = shop.customer()
    order = customer.payable(customer.checkout(customer.draft({}, "greetings", **CARD))["number"])
    shop.die_at("greetings.draw:after")
    shop.provider.act(order["ref"])
    shop.wait_for_death()
    shop.start()

    assert set(delivered_files(customer, order["number"])) == {"card.pdf", "card.png"}
    assert shop.provider.captures(order["payment"]["id"]) == 1


def test_what_the_typeface_lacks_is_refused_before_it_is_sold(shop: Shop) -> None:
    customer = shop.customer()
    wanted = {"product": "greetings", "options": {"name": "Ада"}}
    problem = customer.refused(422, "OPTION_INVALID", "POST", "/api/v1/drafts", json=wanted)
    assert problem["option"] == "name"


def test_its_pages_begin_a_draft_and_edit_it(shop: Shop) -> None:
    with httpx.Client(base_url=shop.url, follow_redirects=True, timeout=30) as browser:
        assert 'value="greetings"' in browser.get("/greetings").text
        editor = browser.post("/drafts", data={"product": "greetings"})
        draft = str(editor.url).rsplit("/", 1)[-1]
        assert f'data-draft="{draft}"' in editor.text
        assert browser.get("/greetings/editor.js").headers["content-type"].startswith("text/javascript")
        assert "Greeting card for Ada" in browser.get(f"/checkout/{draft}").text


def test_the_printed_python_is_short() -> None:
    code = [line for line in printed_files()["src/greeting_cards/__init__.py"].splitlines() if line.strip()]
    assert len(code) < 100

"""`makegood buy`: from two files on a command line to a poster in a folder, or one sentence that says why not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import looking
from tests.shops import Shop, free_port

MAKEGOOD = Path(sys.executable).parent / "makegood"
DECLINED = "4000 0000 0000 0002"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that sells posters, and paper planes that can't be folded."""
    folder = tmp_path_factory.mktemp("shop")
    with Shop(folder, sells=["tests.acceptance.plugins.paper_planes"]) as running:
        yield running


def buy(*arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`makegood buy …` as a person types it, with nothing set but the home."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("MAKEGOOD_")}
    return subprocess.run(
        [str(MAKEGOOD), "buy", *arguments], env={**base, "MAKEGOOD_HOME": str(home), **env}, capture_output=True,
        text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def poster(poster_files: dict[str, Path]) -> list[str]:
    """The arguments of a good purchase."""
    return ["posters", *(part for slot, path in poster_files.items() for part in ("--file", f"{slot}={path}"))]


def assert_a_poster(folder: Path, times: int = 1) -> None:
    found = sorted(folder.iterdir())
    assert sorted(path.suffix for path in found) == sorted([".m4a", ".pdf", ".png"] * times)
    for path in found:
        if path.suffix == ".pdf":
            [code] = looking.codes_in_pdf(path.read_bytes())
            assert "/L/" in code
        if path.suffix == ".m4a":
            assert looking.seconds_of(path.read_bytes()) == pytest.approx(1.12, abs=0.06)


def test_alone_in_an_empty_home(poster: list[str], tmp_path: Path) -> None:
    bought = buy(*poster, "--option", "title=Ours", "--out", str(tmp_path / "out"), "--json", home=tmp_path / "home")

    assert bought.returncode == 0, bought.stderr
    said: dict[str, Any] = json.loads(bought.stdout)
    assert said["order"]["state"] == "delivered"
    assert {Path(path) for path in said["saved"]} == set((tmp_path / "out").iterdir())
    assert_a_poster(tmp_path / "out")
    assert (tmp_path / "home" / "shop.lock").read_text() == ""


def test_at_a_shop_that_runs_elsewhere(shop: Shop, poster: list[str], tmp_path: Path) -> None:
    wanted = ["title=2024", "bleed=3", "page=A3", "allow_download=false"]
    options = [part for option in wanted for part in ("--option", option)]
    bought = buy(*poster, *options, "--quantity", "2", "--out", str(tmp_path), "--url", shop.url, home=tmp_path / "no")

    assert bought.returncode == 0, bought.stderr
    assert_a_poster(tmp_path, times=2)
    for path in tmp_path.glob("*.pdf"):
        assert looking.boxes(path.read_bytes()).bleed == pytest.approx((-3, -3, 300, 423), abs=0.1)
        assert str(path) in bought.stderr


def test_at_the_shop_that_serves_the_home(shop: Shop, poster: list[str], tmp_path: Path) -> None:
    bought = buy(*poster, "--out", str(tmp_path), "--json", home=shop.home)

    assert bought.returncode == 0, bought.stderr
    order = json.loads(bought.stdout)["order"]
    assert shop.provider.kept(order["payment"]["id"]) == order["total"]["minor"]
    assert_a_poster(tmp_path)


def test_what_costs_nothing_is_delivered_without_a_payment(shop: Shop, poster: list[str], tmp_path: Path) -> None:
    subprocess.run([str(MAKEGOOD), "promotion", "gift", "--percent", "100"], env=shop.env, check=True)
    before = ledger(shop)

    bought = buy(*poster, "--promotion", "Gift", "--out", str(tmp_path), "--json", home=shop.home)

    order = json.loads(bought.stdout)["order"]
    assert (order["total"]["minor"], order["state"], order["payment"]["provider"]) == (0, "delivered", "free")
    assert_a_poster(tmp_path)
    assert ledger(shop) == before
    assert shop.provider.payments(order["payment"]["id"]) == []


def ledger(shop: Shop) -> Any:
    """Every movement of money that the provider knows of."""
    return shop.provider.http.get("/v1/ledger").json()["entries"]


PHOTO, SOUND = "photo={photo}", "sound={sound}"
BOTH = ["--file", PHOTO, "--file", SOUND]
REFUSED = {
    "a missing file": (["posters", "--file", "photo=/nowhere/at-all.jpg", "--file", SOUND], "/nowhere/at-all.jpg"),
    "a file without its slot": (["posters", "--file", "{photo}"], "--file takes NAME=VALUE"),
    "a slot twice": (["posters", *BOTH, "--file", PHOTO], "twice"),
    "an unknown slot": (["posters", "--file", "video={photo}", "--file", SOUND], "no file 'video'; it has photo, "),
    "a slot left empty": (["posters", "--file", PHOTO], "still missing: a recording"),
    "an unknown option": (["posters", *BOTH, "--option", "titel=Hi"], "no option 'titel'"),
    "an option that is not offered": (["posters", *BOTH, "--option", "page=A7"], "page"),
    "an unknown template": (["posters", *BOTH, "--option", "template=neon"], "no template “neon”. There are: framed"),
    "an unknown product": (["mugs"], "does not sell 'mugs'"),
    "a text file called .mp3": (["posters", "--file", PHOTO, "--file", "sound={text}"], "SOUND_UNREADABLE"),
    "brackets in a name": (["posters", "--file", PHOTO, "--file", "sound={brackets}"], "[red] [x].mp3"),
    "an unknown promotion": (["posters", *BOTH, "--promotion", "NOPE"], "PROMOTION_UNKNOWN"),
    "an e-mail address that is none": (["posters", *BOTH, "--email", "kim"], "EMAIL_INVALID"),
    "a folder that is a file": (["posters", *BOTH, "--out", "{text}"], "can't be the folder"),
    "a declined card": (["posters", *BOTH, "--card", DECLINED], "card_declined"),
    "no test card": (["posters", *BOTH, "--card", "1234"], "does not take the card"),
    "nobody there": (["posters", *BOTH, "--url", "http://127.0.0.1:{port}"], "can't be reached"),
    "no address": (["posters", *BOTH, "--url", "the shop"], "can't be reached"),
    "no shop there": (["posters", *BOTH, "--url", "{provider}"], "404"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_one_sentence(shop: Shop, poster_files: dict[str, Path], tmp_path: Path, case: str) -> None:
    words, expected = REFUSED[case]
    text, brackets = tmp_path / "song.mp3", tmp_path / "[red] [x].mp3"
    text.write_text("La la la\n" * 50)
    brackets.write_text("La la la\n" * 50)
    places = {
        **poster_files, "text": text, "brackets": brackets, "port": free_port(), "provider": shop.provider.url,
    }  # fmt: skip
    arguments = [word.format(**places) for word in words]
    if "--out" not in arguments:
        arguments += ["--out", str(tmp_path / "out")]
    before = ledger(shop)

    bought = buy(*arguments, home=shop.home)

    assert bought.returncode == 1
    assert bought.stdout == ""
    [line] = bought.stderr.splitlines()
    assert line.startswith("✗ ")
    assert expected in line
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    assert ledger(shop) == before


def test_whose_patience_ends_reads_that_what_is_paid_stays_owed(
    shop: Shop, poster_files: dict[str, Path], tmp_path: Path
) -> None:
    files = [word.format(**poster_files) for word in BOTH]

    bought = buy("posters", *files, "--timeout", "0", "--out", str(tmp_path / "out"), home=shop.home)

    # Whether it is paid by then is luck.
    assert bought.returncode == 1
    [line] = bought.stderr.splitlines()
    assert re.fullmatch(r"✗ After 0 s order ORD-\w+ is still (awaiting payment|in progress); .* stays owed\.", line)
    assert not list(tmp_path.glob("out/*"))


def test_what_can_not_be_delivered_is_said_and_its_money_comes_back(shop: Shop, tmp_path: Path) -> None:
    bought = buy("paper-plane", "--out", str(tmp_path), "--json", home=shop.home)

    order = json.loads(bought.stdout)["order"]
    assert bought.returncode == 1
    assert bought.stderr.splitlines() == [
        f"✗ Order {order['number']} is refunded. The last sheet of paper blew away, so we are giving your money back."
    ]
    assert shop.provider.captures(order["payment"]["id"]) == 1
    assert shop.provider.kept(order["payment"]["id"]) == 0

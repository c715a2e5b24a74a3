"""An operator's files may be large, too: they end at the floor of the disk and leave nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from tests.console.desk import Desk, boat_shop, failing
from tests.disks import MEGABYTE, floor_below, full
from tests.shops import Shop, until

BOUNDARY = "boats"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("full")
    with boat_shop(folder, MAKEGOOD_DISK_FLOOR_MB=floor_below(folder)) as running:
        yield running


def form(fields: dict[str, str]) -> Iterator[bytes]:
    """The beginning of a form, up to its file's first byte."""
    for name, value in fields.items():
        yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="boat.txt"\r\n\r\n'.encode()


def test_completing_by_hand_ends_where_the_floor_is_met(shop: Shop) -> None:
    desk = Desk(shop, "olga@example.com", "owner")
    customer, number = failing(shop, attempts=1)
    fields = {**desk.confirm(number, "complete"), "reason": "folded it myself"}
    taken: list[int] = []

    def body(megabytes: int, folder: Path) -> Generator[bytes, None, None]:
        yield from form(fields)
        yield bytes(MEGABYTE)
        until(lambda: list((shop.home / "scratch").glob("*/*/0/boat.txt")), 30, "the beginning of the upload")
        with full(folder, shop.env["MAKEGOOD_DISK_FLOOR_MB"]):
            for _ in range(megabytes):
                yield bytes(MEGABYTE)
                taken.append(MEGABYTE)
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = None
    # Who goes on sending is hung up on, perhaps before the answer was read.
    with suppress(httpx.TransportError), closing(body(60, shop.home.parent)) as sent:
        answer = desk.http.post(f"/console/complete/{number}", content=sent, headers=kind)

    assert answer is None or (answer.status_code, "would stay free" in answer.text) == (503, True)
    assert sum(taken) < 40 * MEGABYTE
    until(lambda: not list((shop.home / "scratch").glob("*/*/0")), 30, "clearing up")
    assert customer.order(number)["units"][0]["delivery"] == "making"
    boat = desk.http.post(
        f"/console/complete/{number}", data=fields, files=[("files", ("boat.txt", b"with room", "text/plain"))]
    )
    assert boat.headers["location"].endswith("?done=complete&units=1"), boat.text

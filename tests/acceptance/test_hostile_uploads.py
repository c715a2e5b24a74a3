"""Uploads that would fill the disk, take every place or never get on: turned away, nothing left over, and what is owed
is delivered meanwhile."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from tests.acceptance.conftest import Victim
from tests.acceptance.test_hostile_files import (
    MEGABYTE,
    SLACK,
    answer,
    assert_nothing_is_left_over,
    chunk,
    fixture,
    pour,
    upload,
)
from tests.disks import floor_below, full
from tests.shops import Shop, until

AT_ONCE = 2
STALL_SECONDS = 10.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose disk has a little room above its floor, with few places and little patience."""
    folder = tmp_path_factory.mktemp("uploads")
    settings = {
        "MAKEGOOD_DISK_FLOOR_MB": floor_below(folder), "MAKEGOOD_UPLOADS_AT_ONCE": str(AT_ONCE),
        "MAKEGOOD_UPLOAD_STALL_SECONDS": str(STALL_SECONDS),
    }  # fmt: skip
    with Shop(folder, **settings) as running:
        yield running


def disk_is_full(shop: Shop) -> AbstractContextManager[None]:
    return full(shop.home.parent, shop.env["MAKEGOOD_DISK_FLOOR_MB"])


def arriving(shop: Shop) -> list[Path]:
    """The files of uploads that are under way."""
    return list((shop.home / "scratch").glob("*/upload-*"))


def assert_refused(said: bytes, status: int, code: str) -> None:
    assert said.startswith(f"HTTP/1.1 {status} ".encode()), said
    assert f'"code":"{code}"'.encode() in said


@pytest.mark.parametrize("header", [f"Content-Length: {20 * MEGABYTE}", "Transfer-Encoding: chunked"])
def test_below_the_floor_no_upload_begins(shop: Shop, unharmed: Victim, header: str) -> None:
    with disk_is_full(shop), upload(unharmed, "photo", header) as line:
        assert_refused(answer(line), 503, "LOW_DISK")
        assert arriving(shop) == []


def test_an_upload_that_meets_the_floor_on_its_way_ends_there(shop: Shop, unharmed: Victim) -> None:
    with upload(unharmed, "photo", f"Content-Length: {40 * MEGABYTE}") as line:
        line.sendall(bytes(MEGABYTE))
        until(lambda: arriving(shop), 30, "the beginning of the upload")
        with disk_is_full(shop):
            for _ in range(19):
                line.sendall(bytes(MEGABYTE))
            assert_refused(answer(line), 503, "LOW_DISK")
            assert_nothing_is_left_over(shop)


def test_an_endless_upload_that_meets_the_floor_is_hung_up_on(shop: Shop, unharmed: Victim) -> None:
    with upload(unharmed, "photo", "Transfer-Encoding: chunked") as line:
        line.sendall(chunk(bytes(MEGABYTE)))
        until(lambda: arriving(shop), 30, "the beginning of the upload")
        with disk_is_full(shop):
            assert pour(line, 49 * MEGABYTE) < 5 * MEGABYTE + SLACK
            assert_nothing_is_left_over(shop)


def test_below_the_floor_nothing_is_sold_and_what_is_owed_is_delivered(
    shop: Shop, poster_files: dict[str, Path]
) -> None:
    customer = shop.customer()
    number = customer.checkout(customer.draft(poster_files, title="Before"))["number"]
    ref = customer.payable(number)["ref"]
    other = customer.draft(poster_files, title="Too late")
    wanted = {"email": "kim@example.com", "quote": customer.quote(other)}
    with disk_is_full(shop):
        customer.refused(
            503, "LOW_DISK", "POST", f"/api/v1/drafts/{other}/checkout", json=wanted,
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )  # fmt: skip
        customer.refused(503, "LOW_DISK", "PUT", f"/api/v1/drafts/{other}/files/photo", content=b"x")
        shop.provider.act(ref)
        assert customer.at_rest(number)["state"] == "delivered"


def test_more_uploads_at_once_than_there_are_places_wait_outside(shop: Shop, unharmed: Victim) -> None:
    photo = f"{unharmed.at}/files/photo"
    lines = [upload(unharmed, "photo", f"Content-Length: {MEGABYTE}") for _ in range(AT_ONCE)]
    for line in lines:
        line.sendall(bytes(100_000))
    until(lambda: len(arriving(shop)) == AT_ONCE, 30, "the uploads taking their places")

    answered = unharmed.customer.http.put(photo, content=fixture("photo/baseline.jpg"))

    assert (answered.status_code, answered.json()["code"]) == (503, "UPLOADS_BUSY")
    assert int(answered.headers["retry-after"]) > 0
    lines.pop().close()
    # A picture of something else is heard out now, and refused for what it is.
    until(lambda: unharmed.customer.http.put(photo, content=b"no photo").status_code == 422, 30, "a free place")
    lines.pop().close()
    assert_nothing_is_left_over(shop)


def silence(line: socket.socket) -> None:
    """Nothing more."""


def drip(line: socket.socket) -> None:
    """A byte now and then, until something is said."""
    line.settimeout(0.5)
    for _ in range(int(4 * STALL_SECONDS)):
        with suppress(TimeoutError):
            line.recv(1, socket.MSG_PEEK)
            return
        line.sendall(b"!")


@pytest.mark.parametrize("goes_on", [silence, drip])
def test_an_upload_that_does_not_get_on_is_ended(
    shop: Shop, unharmed: Victim, goes_on: Callable[[socket.socket], None]
) -> None:
    with upload(unharmed, "photo", f"Content-Length: {MEGABYTE}") as line:
        line.sendall(bytes(100_000))
        until(lambda: arriving(shop), 30, "the beginning of the upload")
        goes_on(line)
        assert_refused(answer(line), 408, "UPLOAD_STALLED")
        assert_nothing_is_left_over(shop)
        assert line.recv(1) == b""


def test_an_upload_that_is_slow_and_gets_on_is_heard_out(shop: Shop, unharmed: Victim) -> None:
    pieces, piece = 8, 40_000
    with upload(unharmed, "photo", f"Content-Length: {pieces * piece}") as line:
        for _ in range(pieces):
            line.sendall(bytes(piece))
            time.sleep(1.5 * STALL_SECONDS / pieces)
        assert_refused(answer(line), 422, "PHOTO_UNREADABLE")

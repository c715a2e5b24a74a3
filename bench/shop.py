"""What a customer waits for, over real HTTP: a shop and the sandbox provider, each a process of its own.

Both run as a person would start them: every setting that matters to speed is the one that is shipped.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.posters import picture
from bench.table import Line, Section, percentiles
from makegood.kernel.settings import Settings
from makegood.products.posters import making, photo, sound
from makegood.products.posters.options import WAVES, PosterOptions
from tests.shops import Customer, Shop

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("env", "sweep_seconds", "retry_seconds", "poll_seconds", "isolated_processes", "disk_floor_mb")
WORDS = {"title": "Emma & Noah", "caption": "I promise to choose you, every ordinary day.", "date": "14 June 2026"}
CLIP_SECONDS = 45.0
LOOK_SECONDS = 0.1
WARM_UP = 3
TEMPLATES = ("framed", "full-page", "circular", "minimal")

PHASES = (
    ("payment.succeeded", "webhook, inbox, provider asked back, paid"),
    ("obligation.claimed", "waiting for a worker"),
    ("make", "inputs read back and compared"),
    ("verify", "making: clip and pages, side by side"),
    ("artefact.verified", "making: verify"),
    ("obligation.delivered", "delivered, grant and mail in one transaction"),
    ("seen", f"seen by the customer, who looks every {LOOK_SECONDS * 1000:.0f} ms"),
)
"""What ends each phase of an order (an event, or the beginning of a step), and what the phase is spent on."""
MAKING = ("verify", "artefact.verified")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One order: milliseconds by phase, from the moment before the provider was told to capture."""

    phases: dict[str, float]
    by_timeline: float

    @property
    def whole(self) -> float:
        return sum(self.phases.values())

    @property
    def making(self) -> float:
        return sum(self.phases[name] for name in MAKING)


@contextmanager
def running() -> Iterator[tuple[Shop, dict[str, Path]]]:
    """A shop with the shipped settings, and the files of a usual order: a photo of 7 megapixels, a minute of MP3."""
    shipped = {f"MAKEGOOD_{name.upper()}": str(Settings.model_fields[name].default) for name in SHIPPED}
    with TemporaryDirectory(prefix="makegood-bench-") as name:
        folder = Path(name)
        recording = folder / "recording.mp3"
        subprocess.run([sys.executable, "-m", "bench.peaks", "--make", str(recording), "1"], check=True, cwd=ROOT)
        with Shop(folder, **shipped) as shop:
            yield shop, {"photo": picture("portrait", 3000).path, "sound": recording}


def previews(shop: Shop, files: dict[str, Path], repetitions: int) -> Section:
    """A changed option until its preview is there: PATCH, then GET, as the editor does."""
    customer = shop.customer()
    draft = customer.draft(files, **WORDS, clip_end=CLIP_SECONDS)
    where = f"/api/v1/drafts/{draft}"
    changing, drawing = [], []
    for number in range(WARM_UP + repetitions):
        began = time.perf_counter()
        changed = customer.expect(200, "PATCH", where, json={"options": _choice(number)})
        between = time.perf_counter()
        answer = customer.http.get(f"{where}/preview", params={"v": changed["version"]})
        ended = time.perf_counter()
        if answer.status_code != 200 or changed["problem"]:
            raise SystemExit(f"no preview: {answer.status_code} {changed['problem']}")
        changing.append((between - began) * 1000)
        drawing.append((ended - between) * 1000)
    both = [one + other for one, other in zip(changing, drawing, strict=True)][WARM_UP:]
    whole = median(both)
    lines = [
        Line("changed option → preview", percentiles(both, whole)),
        Line("  PATCH: stored, and tried whether it can be made", percentiles(changing[WARM_UP:], whole)),
        Line("  GET: drawn with its watermark, sent", percentiles(drawing[WARM_UP:], whole)),
    ]
    return Section(f"Preview over HTTP, {repetitions} changes", ("p50 ms", "p95 ms", "share %"), lines)


def deliveries(shop: Shop, files: dict[str, Path], orders: int) -> Section:
    """Paid until delivered, one order after the other, and where the time goes."""
    found = [_deliver(shop, files, number) for number in range(WARM_UP + orders)][WARM_UP:]
    whole = median(one.whole for one in found)

    def line(name: str, read: Callable[[Delivery], float]) -> Line:
        return Line(name, percentiles([read(one) for one in found], whole))

    lines = [line("paid → delivered, as the customer sees it", lambda one: one.whole)]
    for phase, spent_on in PHASES:
        lines.append(line(f"  {spent_on}", lambda one, phase=phase: one.phases[phase]))  # type: ignore[misc]
    lines.append(line("the making: made and verified, each recorded", lambda one: one.making))
    lines.append(line("the platform without the making", lambda one: one.whole - one.making))
    lines.append(line("paid → delivered, by the order's own timeline", lambda one: one.by_timeline))
    lines.append(Line("the same making, called without the platform", percentiles(_making_alone(files))))
    return Section(f"Delivery over HTTP, {orders} orders, one by one", ("p50 ms", "p95 ms", "share %"), lines)


def _choice(number: int) -> dict[str, Any]:
    """A change that nobody asked for before."""
    changes: list[dict[str, Any]] = [
        {"title": f"Emma & Noah, {number}"},
        {"wave": WAVES[number % len(WAVES)], "date": f"{1 + number % 28} June 2026"},
        {"accent": f"#{(number * 7919) % 0xFFFFFF:06x}"},
        {"template": TEMPLATES[number % len(TEMPLATES)], "wave": None, "caption": f"Every ordinary day, {number}."},
    ]
    return changes[number % len(changes)]


def _deliver(shop: Shop, files: dict[str, Path], number: int) -> Delivery:
    customer = shop.customer()
    draft = customer.draft(files, **{**WORDS, "title": f"Order {number}"}, clip_end=CLIP_SECONDS)
    order = customer.payable(customer.checkout(draft)["number"])
    began = datetime.now(UTC)
    shop.provider.act(order["ref"])
    order, seen = _watch(customer, order["number"])
    if order["state"] != "delivered":
        raise SystemExit(f"order {order['number']} came to {order['state']}")
    moments = {**_events(shop.home, order["number"]), "seen": seen}
    ends = [began, *(moments[name] for name, _ in PHASES)]
    spent = [(later - earlier).total_seconds() * 1000 for earlier, later in pairwise(ends)]
    told = {event["event"]: datetime.fromisoformat(event["at"]) for event in order["timeline"]}
    by_timeline = (told["obligation.delivered"] - told["payment.succeeded"]).total_seconds() * 1000
    return Delivery(dict(zip((name for name, _ in PHASES), spent, strict=True)), by_timeline)


def _watch(customer: Customer, number: str) -> tuple[dict[str, Any], datetime]:
    while True:
        order = customer.order(number)
        if order["at_rest"]:
            return order, datetime.now(UTC)
        time.sleep(LOOK_SECONDS)


def _events(home: Path, number: str) -> dict[str, datetime]:
    """When each event of the order was recorded, and when each step began, from the shop's audit log."""
    with sqlite3.connect(f"file:{home / 'shop.db'}?mode=ro", uri=True) as shop:
        rows = shop.execute(
            "SELECT event, json_extract(data, '$.step'), at FROM audit_event "
            'WHERE order_id = (SELECT id FROM "order" WHERE number = ?) ORDER BY at, id', [number],
        ).fetchall()  # fmt: skip
    shop.close()
    return {step or event: datetime.fromisoformat(at).replace(tzinfo=UTC) for event, step, at in rows}


def _making_alone(files: dict[str, Path], runs: int = 10) -> list[float]:
    """Milliseconds of the product's own functions on the same order, called directly."""
    seen, heard = photo.inspect_photo(files["photo"], "photo.jpg"), sound.inspect_sound(files["sound"], "sound.mp3")
    times = []
    with TemporaryDirectory(prefix="makegood-making-") as name:
        folder = Path(name)
        proxy, peaks = folder / "proxy.jpg", folder / "peaks.bin"
        proxy.write_bytes(seen.proxy)
        peaks.write_bytes(heard.peaks.to_bytes())
        clip, page, pdf, png = (folder / name for name in ("clip.m4a", "page.json", "poster.pdf", "poster.png"))
        for number in range(WARM_UP + runs):
            options = PosterOptions.model_validate({**WORDS, "title": f"Order {number}", "clip_end": CLIP_SECONDS})
            material = making.Material(
                options, files["photo"], proxy, files["sound"], peaks, seen.as_facts(), heard.as_facts(),
                "HTTP://127.0.0.1:8000/L/SAMP1E0000", datetime(2026, 6, 14, tzinfo=UTC),
            )  # fmt: skip
            began = time.perf_counter()
            making.cut(material, clip, page)
            printed = making.draw(material, folder, pdf, png, folder / "poster.jpg")
            making.verify(material, clip, page, pdf, png, printed)
            times.append((time.perf_counter() - began) * 1000)
    return times[WARM_UP:]

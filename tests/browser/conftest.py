"""Fixtures for tests that walk through the shop's pages in Chromium, on a desktop's and on a phone's width."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright

from tests.browser import chromium

AXE = chromium.ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}


expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    # Not for the whole session: while it runs, its event loop runs in this thread, where other tests need their own.
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def microphone_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears: four seconds of a rising scale, 48 kHz mono. Override it to record
    something else."""
    path = tmp_path_factory.mktemp("microphone") / "scale.wav"
    rate, notes = 48_000, (261.6, 293.7, 329.6, 349.2, 392.0, 440.0, 493.9, 523.3)
    samples = bytearray()
    for hertz in notes:
        for index in range(rate // 2):
            swell = math.sin(math.pi * index / (rate // 2))
            samples += struct.pack("<h", int(20_000 * swell * math.sin(2 * math.pi * hertz * index / rate)))
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(samples))
    return path


@pytest.fixture(scope="module")
def browser(playwright: Playwright, microphone_sound: Path) -> Iterator[Browser]:
    running = chromium.launch(playwright, microphone_sound)
    yield running
    running.close()


@pytest.fixture(params=list(SCREENS))
def screen(request: pytest.FixtureRequest) -> str:
    """`desktop` (1280 × 900) or `phone` (390 × 844, touch)."""
    return str(request.param)


@pytest.fixture
def page(browser: Browser, screen: str) -> Iterator[Page]:
    """A fresh visitor's page on `screen`. The test fails if a script of the page throws or the content security
    policy is violated."""
    context = browser.new_context(**SCREENS[screen], permissions=["microphone"], accept_downloads=True, locale="en-US")
    context.set_default_timeout(15_000)
    faults: list[str] = []

    def note_violation(message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            faults.append(message.text)

    visitor = context.new_page()
    visitor.on("pageerror", lambda error: faults.append(str(error)))
    visitor.on("console", note_violation)
    yield visitor
    context.close()
    assert faults == []


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[str]]:
    """`axe(page)` lists what axe-core finds wrong with the page as it stands, a line for each violation with the
    elements concerned: empty when there is nothing."""
    source = AXE.read_text(encoding="utf-8")

    def violations(page: Page) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("async () => (await axe.run()).violations")
        return [f"{each['id']} ({each['impact']}): {each['help']}: {_elements(each)}" for each in found]

    return violations


def _elements(violation: dict[str, Any]) -> str:
    return "; ".join(" ".join(map(str, node["target"])) for node in violation["nodes"])

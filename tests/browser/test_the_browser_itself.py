"""What the browser tests rest on: axe sees a fault, the microphone plays the given sound, every script is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>A page</h1><p>Ωμέγα Привет العربية हिन्दी 漢字 かな 한글 ไทย עברית 🎉</p>{extra}</main></body></html>"""

RECORD = """async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream, { mimeType: 'audio/webm;codecs=opus' });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  recorder.stop();
  await stopped;
  const bytes = await new Blob(parts).arrayBuffer();
  const sound = await new AudioContext().decodeAudioData(bytes);
  const peak = sound.getChannelData(0).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { seconds: sound.duration, peak };
}"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "good.html").write_text(PAGE.format(extra=""), encoding="utf-8")
    (tmp_path / "bad.html").write_text(PAGE.format(extra='<img src="x.png">'), encoding="utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_axe_passes_a_good_page_and_names_the_fault_of_a_bad_one(
    page: Page, address: str, axe: Callable[[Page], list[str]]
) -> None:
    page.goto(f"{address}/good.html")
    assert axe(page) == []
    page.goto(f"{address}/bad.html")
    assert [line.split()[0] for line in axe(page)] == ["image-alt"]


def test_the_microphone_records_the_given_sound(page: Page, address: str) -> None:
    page.goto(f"{address}/good.html")
    recorded = page.evaluate(RECORD)
    assert recorded["seconds"] > 1
    assert recorded["peak"] > 0.1


def test_no_script_is_drawn_as_empty_boxes(page: Page, address: str) -> None:
    page.goto(f"{address}/good.html")
    undrawn = page.evaluate("""() => {
      const paper = document.createElement('canvas').getContext('2d');
      paper.font = '40px sans-serif';
      const ink = (text) => {
        paper.clearRect(0, 0, 300, 150);
        paper.fillText(text, 20, 60);
        return paper.getImageData(0, 0, 300, 150).data.join();
      };
      const missing = ink('\\u{10FFFD}');
      return ['Ω', 'П', 'ع', 'ह', '漢', 'か', '한', 'ไ', 'ע', '🎉'].filter((each) => ink(each) === missing);
    }""")
    assert undrawn == []

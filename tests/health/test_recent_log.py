"""The recent log that the home keeps: bounded, complete lines, from several processes at once."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from makegood.kernel.logs import RecentLog, recent_files

LIMIT = 20_000


def write(folder: Path, name: str) -> None:
    log = RecentLog(folder, LIMIT)
    for number in range(500):
        log(None, "info", {"event": "x" * 80, "who": name, "number": number})


def test_the_newest_lines_are_kept_whole_within_the_limit(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    with ProcessPoolExecutor(3, mp_context=get_context("fork")) as pool:
        list(pool.map(write, [folder] * 3, "abc"))

    files = recent_files(folder)
    assert len(files) == 3
    assert all(path.stat().st_size <= LIMIT + 1000 for path in files)
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert any(line["number"] == 499 for line in lines)
    for who in "abc":
        own = [line["number"] for line in lines if line["who"] == who]
        assert own == sorted(own)


def test_the_newest_line_is_always_in_the_newest_file(tmp_path: Path) -> None:
    log = RecentLog(tmp_path, LIMIT)
    for number in range(500):
        log(None, "info", {"event": "x" * 80, "number": number})
        newest = recent_files(tmp_path)[-1]
        assert newest.name == "makegood.log"
        assert json.loads(newest.read_text().splitlines()[-1])["number"] == number
        assert newest.stat().st_size <= LIMIT


def test_an_error_is_kept_with_where_it_happened(tmp_path: Path) -> None:
    log = RecentLog(tmp_path, LIMIT)
    try:
        int("of all things")
    except ValueError:
        log(None, "error", {"event": "failed", "exc_info": True})
    [line] = [json.loads(line) for line in recent_files(tmp_path)[0].read_text().splitlines()]
    assert "of all things" in line["exception"]
    assert "test_recent_log.py" in line["exception"]

"""`make bench`: everything that is measured, side by side in one run, as one table (`--json`: as data)."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator

from bench import overhead, pdf, peaks, shop
from bench.table import Section, as_json, load, machine

PARTS = ("preview", "delivery", "overhead", "throughput", "peaks", "pdf")


def measure(parts: list[str]) -> Iterator[Section]:
    """The sections, in the order of the table."""
    if {"preview", "delivery"} & set(parts):
        with shop.running() as (open_shop, files):
            if "preview" in parts:
                yield shop.previews(open_shop, files, repetitions=100)
            if "delivery" in parts:
                yield shop.deliveries(open_shop, files, orders=30)
    if "overhead" in parts:
        yield from overhead.shares()
    if "throughput" in parts:
        yield overhead.speeds()
    if "peaks" in parts:
        yield peaks.section(minutes=60)
    if "pdf" in parts:
        yield pdf.section(runs=40)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; may be given several times")
    chosen = parser.parse_args()
    where, began = machine(), time.monotonic()
    if not chosen.json:
        print("\n".join(f"{name:<12} {value}" for name, value in where.items()), flush=True)
    sections = []
    for section in measure(chosen.only or list(PARTS)):
        sections.append(section)
        if not chosen.json:
            print(f"\n{section.as_text()}", flush=True)
    where["load at the end"] = load()
    if chosen.json:
        print(json.dumps(as_json(where, sections), indent=1))
    else:
        print(f"\nload {where['load']} at the beginning, {load()} at the end; {time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()

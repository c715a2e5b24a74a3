"""`makegood retention`: what is deleted because nobody needs it, and why the rest stays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from makegood.cli.beside import beside
from makegood.notify.rendering import file_size
from makegood.storage.retention import Line


def retention(*, dry_run: bool, as_json: bool) -> int:
    """Say what goes and what stays; without `dry_run` also do it. 1 if something could not be deleted."""
    with beside() as running:
        shop = running.services
        found = None if dry_run else shop.orphans.run()
        plan = shop.retention.plan()
        run = None if dry_run else shop.retention.run("cli")
    if as_json:
        done = run and {"deleted": run.deleted, "bytes": run.bytes, "failures": run.report["failures"]}
        print(json.dumps({**asdict(plan), "found": found and asdict(found), "done": done}, indent=1))
        return 1 if run and run.failed else 0
    print("Goes" if plan.going else "Nothing goes")
    _show(plan.going)
    print("Stays" if plan.staying else "Nothing stays")
    _show(plan.staying)
    if found and (found.orphans or found.missing or found.unfinished):
        print(f"\n{len(found.orphans)} objects without a row, {len(found.missing)} rows without an object")
        print(f"{len(found.unfinished)} files that were never written to their end, gone now")
    if run is None:
        print("\nThis was a rehearsal: nothing was deleted.")
        return 0
    print(f"\nDeleted {run.deleted} files, {file_size(run.bytes) if run.bytes else '0 kB'}.")
    for problem in run.report["failures"]:
        print(f"  ✗ {problem}")
    return 1 if run.failed else 0


def _show(lines: Sequence[Line]) -> None:
    width = max((len(line.name) for line in lines), default=0)
    for line in lines:
        since = (line.oldest or "")[:10]
        size = file_size(line.bytes) if line.bytes else "0 kB"
        print(f"  {line.name:<{width}}  {line.count:>7}  {size:>9}  oldest {since}  {line.why}")

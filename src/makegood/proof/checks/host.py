"""The machine: room on the disk and in memory."""

from __future__ import annotations

from pathlib import Path

from makegood.product_api import Check
from makegood.proof.findings import Findings, found
from makegood.storage.objects import ObjectStore

MEMINFO, LIMIT, USED = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


class DiskHasRoom:
    name = "disk"
    keeps: float | None = 0.0
    needs_database = False

    def __init__(self, objects: ObjectStore, floor_mb: int) -> None:
        self._objects, self._floor_mb = objects, floor_mb

    def look(self) -> Findings:
        if not self._objects.root.is_dir():
            return Findings(())  # the examination of the store says so
        free = self._objects.free_mb()
        name = f"disk, {free:,} MB free"
        if free >= self._floor_mb:
            return found("disk", [Check(name)])
        problem = f"new orders wait for {self._floor_mb:,} MB (MAKEGOOD_DISK_FLOOR_MB)"
        return found("disk", [Check(name, problem, "Make room; what is owed is made and delivered all the same.")])


class MemoryHasRoom:
    name = "memory"
    keeps: float | None = 5.0
    needs_database = False

    def __init__(self, floor_mb: int) -> None:
        self._floor_mb = floor_mb

    def look(self) -> Findings:
        free = free_memory_mb()
        if free is None:
            return found("memory", [Check("memory: this system does not say how much is free")])
        name = f"memory, {free:,} MB free"
        problem = "" if free >= self._floor_mb else f"less than {self._floor_mb:,} MB (MAKEGOOD_MEMORY_FLOOR_MB)"
        mend = "End other programs, or lower MAKEGOOD_ISOLATED_PROCESSES." if problem else ""
        return found("memory", [Check(name, problem, mend)])


def free_memory_mb() -> int | None:
    """What can still be used, by the system's word and the container's limit; None where neither says anything."""
    amounts = []
    if MEMINFO.is_file():
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines() if ":" in line)
        amounts.append(int(lines["MemAvailable"].split()[0]) >> 10)
    if LIMIT.is_file() and USED.is_file() and (limit := LIMIT.read_text().strip()).isdecimal():
        amounts.append((int(limit) - int(USED.read_text())) >> 20)
    return min(amounts, default=None)

"""What a product receives while it works: scratch space, isolation, recorded steps, the object store."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from makegood.engine import Engine, IsolatedWork
from makegood.orders.links import Links
from makegood.product_api import Artefact, UnitView
from makegood.storage.objects import ObjectStore, digest

T = TypeVar("T")


class Workshop:
    """Makes contexts: everything that a product's work needs, put together once."""

    def __init__(
        self, objects: ObjectStore, isolated: IsolatedWork, engine: Engine, links: Links, currency: str, scratch: Path
    ) -> None:
        self.objects, self.isolated, self.engine, self.links = objects, isolated, engine, links
        self.currency = currency
        # Several processes may share a home; each has a folder that bears its number.
        self._scratch = scratch / str(os.getpid())
        self._scratch.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove what processes that are gone left behind: it belongs to nobody."""
        for folder in self._scratch.parent.iterdir():
            if folder.name == self._scratch.name or not _runs(folder.name):
                shutil.rmtree(folder)
        self._scratch.mkdir()

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A context for work that is not owed: inspecting uploads, previews."""
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            yield Work(self, Path(folder))

    @contextmanager
    def making(
        self, product_id: str, obligation_id: str, attempt: int, unit: UnitView, on_step: Callable[[str], None]
    ) -> Iterator[Making]:
        """A context for one attempt at one obligation."""
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            yield Making(self, Path(folder), product_id, obligation_id, attempt, unit, on_step)


def _runs(process: str) -> bool:
    """Whether a process of that number runs on this host; what isn't a number is nobody's."""
    if not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Work:
    """Implements `product_api.WorkContext`."""

    def __init__(self, workshop: Workshop, scratch: Path) -> None:
        self._workshop, self._folder = workshop, scratch

    @property
    def links(self) -> Links:
        return self._workshop.links

    @property
    def currency(self) -> str:
        return self._workshop.currency

    @property
    def scratch(self) -> Path:
        return self._folder

    def isolated(self, work: Callable[..., T], *args: Any, memory: int = 2 << 30, seconds: float = 60) -> T:
        return self._workshop.isolated.run(work, *args, memory=memory, seconds=seconds)


class Making(Work):
    """Implements `product_api.MakeContext`."""

    def __init__(
        self, workshop: Workshop, scratch: Path, product_id: str, obligation_id: str, attempt: int, unit: UnitView,
        on_step: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(workshop, scratch)
        self._product_id, self._on_step = product_id, on_step
        self.obligation_id, self.attempt, self.unit = obligation_id, attempt, unit

    def step(self, name: str, work: Callable[[], T]) -> T:
        def run() -> T:
            self.announce(name)
            return work()

        return self._workshop.engine.step(f"{self._product_id}.{name}", run)

    def announce(self, name: str) -> None:
        """Tell who waits which step is being worked on; renews the lease."""
        self._on_step(name)

    def store(self, name: str, source: Path, *, media_type: str, file_name: str, **facts: Any) -> Artefact:
        sha256, size = digest(source)
        key = f"artefacts/{self.obligation_id}/{name}/{sha256}"
        self._workshop.objects.put(key, source, sha256)
        return Artefact(name, key, sha256, size, media_type, file_name, facts)

    @contextmanager
    def open(self, artefact: Artefact) -> Iterator[Path]:
        yield self._workshop.objects.verify(artefact.key, artefact.sha256, artefact.size)

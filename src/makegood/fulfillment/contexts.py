"""What a product receives while it works: scratch space, isolation, recorded steps, the object store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from makegood.engine import IsolatedWork
from makegood.product_api import Artefact, InputFile, Links, UnitView
from makegood.storage.objects import ObjectStore, digest
from makegood.storage.scratch import Scratch

T = TypeVar("T")


class Recorder(Protocol):
    """Runs a step once and keeps its result: the durable engine."""

    def step(self, name: str, work: Callable[[], T], of: str = "") -> T: ...


class Workshop:
    """Makes contexts: everything that a product's work needs, put together once."""

    def __init__(
        self, objects: ObjectStore, isolated: IsolatedWork, engine: Recorder, links: Links, currency: str,
        scratch: Scratch,
    ) -> None:  # fmt: skip
        self.objects, self.isolated, self.engine, self.links = objects, isolated, engine, links
        self.currency, self.scratch = currency, scratch

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A private folder, removed when the block ends."""
        with tempfile.TemporaryDirectory(dir=self.scratch.folder()) as folder:
            yield Path(folder)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A context for work that is not owed: inspecting uploads, previews."""
        with self.folder() as folder:
            yield Work(self, folder)


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


class Steps(Work):
    """Implements `product_api.StepContext`. `shelf` is where its objects are kept in the store; `on_step` hears of each
    step as it begins."""

    def __init__(
        self, workshop: Workshop, scratch: Path, product_id: str, shelf: str, on_step: Callable[[str], None]
    ) -> None:
        super().__init__(workshop, scratch)
        self._product_id, self._shelf, self._on_step = product_id, shelf, on_step

    def step(self, name: str, work: Callable[[], T]) -> T:
        def run() -> T:
            self._on_step(name)
            return work()

        # A chunk takes the same step for each of its units, and after a kill perhaps not for the same ones.
        return self._workshop.engine.step(f"{self._product_id}.{name}", run, self._shelf)

    def store(self, name: str, source: Path, *, media_type: str, file_name: str, **facts: Any) -> Artefact:
        sha256, size = digest(source)
        key = f"{self._shelf}/{name}/{sha256}"
        self._workshop.objects.put(key, source, sha256)
        return Artefact(name, key, sha256, size, media_type, file_name, facts)

    @contextmanager
    def open(self, artefact: Artefact) -> Iterator[Path]:
        yield self._workshop.objects.verify(artefact.key, artefact.sha256, artefact.size)


class Making(Steps):
    """Implements `product_api.MakeContext` for one attempt at one obligation. `references` hands out what may be used
    outside, by name; `generated` brings what a job made before payment."""

    def __init__(
        self, workshop: Workshop, scratch: Path, product_id: str, unit: UnitView, *, obligation_id: str, attempt: int,
        shelf: str, on_step: Callable[[str], None], references: Callable[[str], str],
        generated: Callable[[Making], Sequence[Artefact]],
    ) -> None:  # fmt: skip
        super().__init__(workshop, scratch, product_id, shelf, on_step)
        self.obligation_id, self.attempt, self.unit = obligation_id, attempt, unit
        self._references, self._generated = references, generated

    def outside(self, name: str) -> str:
        return self._references(name)

    def generated(self) -> Sequence[Artefact]:
        return self._generated(self)

    def generating(self, seed: int) -> Generating:
        """The context for making what a job made, again, as part of this attempt."""
        return Generating(
            self._workshop, self._folder, self._product_id, self._shelf, self._on_step,
            options=self.unit.options, files=self.unit.inputs, seed=seed, progress=lambda _done, _doing: None,
        )  # fmt: skip


class Generating(Steps):
    """Implements `product_api.GenerateContext`."""

    def __init__(
        self, workshop: Workshop, scratch: Path, product_id: str, shelf: str, on_step: Callable[[str], None], *,
        options: BaseModel, files: Mapping[str, InputFile], seed: int, progress: Callable[[float, str], None],
    ) -> None:  # fmt: skip
        super().__init__(workshop, scratch, product_id, shelf, on_step)
        self.options, self.files, self.seed, self._progress = options, files, seed, progress

    def progress(self, done: float, doing: str = "") -> None:
        self._progress(min(1.0, max(0.0, done)), doing)


class OutsideWork(Work):
    """Implements `product_api.OutsideContext`."""

    def __init__(
        self, workshop: Workshop, scratch: Path, obligation_id: str, unit: UnitView, references: Mapping[str, str]
    ) -> None:
        super().__init__(workshop, scratch)
        self.obligation_id, self.unit, self.references = obligation_id, unit, references

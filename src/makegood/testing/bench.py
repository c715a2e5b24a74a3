"""A workbench: a product's own work, done as the shop does it, without a shop."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from makegood.engine import IsolatedWork
from makegood.fulfillment.contexts import Generating, Making, OutsideWork, Workshop
from makegood.fulfillment.units import stored_file
from makegood.kernel.ids import CROCKFORD
from makegood.product_api import Artefact, DraftView, InputFile, Product, UnitView
from makegood.storage.objects import ObjectStore, digest
from makegood.storage.scratch import Scratch

T = TypeVar("T")

ORDERED_AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
SEED = 20_260_203


@dataclass(frozen=True)
class Example:
    """One thing that somebody might order: options as they come over the API, and a file for each slot."""

    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """What one run of `make` came to: its artefacts, and its recorded steps with their results, in order."""

    artefacts: tuple[Artefact, ...]
    steps: tuple[tuple[str, bytes], ...]

    @property
    def bytes_by_name(self) -> dict[str, str]:
        """The sha256 of each artefact."""
        return {artefact.name: artefact.sha256 for artefact in self.artefacts}


class Replay:
    """Records steps; the first of them have been recorded already and are not run again."""

    def __init__(self, known: Sequence[tuple[str, bytes]]) -> None:
        self._known, self.steps = list(known), list[tuple[str, bytes]]()

    def step(self, name: str, work: Callable[[], T], of: str = "") -> T:
        if self._known:
            recorded, result = self._known.pop(0)
            assert recorded == name, f"the step {name} comes where {recorded} was recorded"
        else:
            result = pickle.dumps(work())
        self.steps.append((name, result))
        return pickle.loads(result)  # type: ignore[no-any-return]


class _Links:
    def public(self, path: str) -> str:
        return f"https://shop.example{path}"


class Workbench:
    """Draft, unit and contexts of one example of a product. Use it as a context manager: it has processes."""

    def __init__(self, product: Product, example: Example) -> None:
        self.product, self.example = product, example
        self._outside: dict[str, dict[str, str]] = {}
        self.options = product.options.model_validate(dict(example.options))

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self.home = Path(self._folder.name)
        self.objects = ObjectStore(self.home / "objects")
        self._isolated = IsolatedWork(2)
        with self._workshop(Replay(())).work() as work:
            self.inputs = {slot: self._input(work, slot, path) for slot, path in self.example.files.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self._isolated.stop()
        self._folder.cleanup()

    @contextmanager
    def work(self) -> Iterator[Any]:
        """A context for what isn't owed."""
        with self._workshop(Replay(())).work() as work:
            yield work

    def draft(self) -> DraftView:
        """The example as a draft, whose job is finished if its product has jobs."""
        generated = {a.name: stored_file(self.objects, a) for a in self._generated()} if self.product.job else {}
        return DraftView("draft-1", 1, self.options, self.inputs, generated)

    def unit(self, unit_id: str = "unit-1", *, artefacts: Sequence[Artefact] = (), **more: Any) -> UnitView:
        """The example as a paid unit."""
        codes = {spec.purpose: (CROCKFORD * 2)[7 : 7 + spec.length] for spec in self.product.codes}
        files = {artefact.name: stored_file(self.objects, artefact) for artefact in artefacts}
        return UnitView(
            unit_id, "ORD-7K2M9QXW4D", 1, self.options, self.inputs, codes, SEED, ORDERED_AT, bool(artefacts),
            artefacts=files, **more,
        )  # fmt: skip

    def make(
        self, unit: UnitView | None = None, *, obligation: str = "obligation-1", attempt: int = 1,
        known: Sequence[tuple[str, bytes]] = (),
    ) -> Made:  # fmt: skip
        """One run of the product's `make`, in which the steps that are `known` have been recorded before."""
        replay = Replay(known)
        with self._making(replay, unit or self.unit(), obligation, attempt) as making:
            artefacts = tuple(self.product.make(making))
        return Made(artefacts, tuple(replay.steps))

    def verify(self, artefacts: Sequence[Artefact], *, obligation: str = "obligation-1") -> None:
        """The product's own check, as the platform asks for it; raises what is wrong."""
        with self._making(Replay(()), self.unit(), obligation, 1) as making:
            self.product.verify(making, artefacts)

    @contextmanager
    def outside(self, unit: UnitView, obligation: str, references: Mapping[str, str]) -> Iterator[OutsideWork]:
        """The context of `probe`, `revoke` and `discard`."""
        with self._workshop(Replay(())).folder() as folder:
            yield OutsideWork(self._workshop(Replay(())), folder, obligation, unit, references)

    def references(self, obligation: str) -> dict[str, str]:
        """What this obligation's runs of `make` asked to have outside, by name."""
        return dict(self._outside.get(obligation, {}))

    def damaged(self, artefact: Artefact, data: bytes) -> Artefact:
        """An artefact of that name with other bytes, which are in the store as they say: only its product can tell."""
        path = self.home / "damaged"
        path.write_bytes(data)
        sha256, size = digest(path)
        key = f"damaged/{artefact.name}/{sha256}"
        self.objects.put(key, path, sha256)
        return Artefact(artefact.name, key, sha256, size, artefact.media_type, artefact.file_name, dict(artefact.facts))

    @contextmanager
    def _making(self, replay: Replay, unit: UnitView, obligation: str, attempt: int) -> Iterator[Making]:
        def reference(name: str) -> str:
            return self._outside.setdefault(obligation, {}).setdefault(name, f"{obligation}-{name}")

        workshop = self._workshop(replay)
        with workshop.folder() as folder:
            yield Making(
                workshop, folder, self.product.manifest.id, unit, obligation_id=obligation, attempt=attempt,
                shelf=f"artefacts/{obligation}", on_step=lambda _name: None, references=reference,
                generated=lambda making: list(self.product.generate(making.generating(SEED))),
            )  # fmt: skip

    def _generated(self) -> Sequence[Artefact]:
        workshop = self._workshop(Replay(()))
        with workshop.folder() as folder:
            return list(
                self.product.generate(
                    Generating(
                        workshop, folder, self.product.manifest.id, "jobs/job-1", lambda _name: None,
                        options=self.options, files=self.inputs, seed=SEED, progress=lambda _done, _doing: None,
                    )
                )
            )  # fmt: skip

    def _workshop(self, replay: Replay) -> Workshop:
        return Workshop(self.objects, self._isolated, replay, _Links(), "USD", Scratch(self.home / "scratch"))

    def _input(self, work: Any, slot: str, path: Path) -> InputFile:
        seen = self.product.inspect(work, slot, path, path.name)
        derived = {}
        for name, one in seen.derived.items():
            target = work.scratch / f"derived-{name}"
            target.write_bytes(one.data)
            derived[name] = self._stored(target, f"{slot}-{name}", one.media_type, one.file_name, {}, {})
        return self._stored(path, slot, seen.media_type, path.name, dict(seen.facts), derived)

    def _stored(
        self, path: Path, name: str, media_type: str, file_name: str, facts: dict[str, Any],
        derived: dict[str, InputFile],
    ) -> InputFile:  # fmt: skip
        sha256, size = digest(path)
        key = f"uploads/{name}/{sha256}"
        self.objects.put(key, path, sha256)
        return InputFile(key, self.objects.path(key), sha256, size, media_type, file_name, facts, derived)

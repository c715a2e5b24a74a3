"""What a product receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from makegood.product_api.things import Artefact, DraftView, InputFile, OrderView, UnitView

T = TypeVar("T")


class Links(Protocol):
    """Makes addresses."""

    def public(self, path: str) -> str:
        """The absolute public address of a path of this shop (`MAKEGOOD_PUBLIC_URL`)."""
        ...


class WorkContext(Protocol):
    """What any work of a product receives."""

    @property
    def links(self) -> Links: ...

    @property
    def currency(self) -> str:
        """The shop's currency, ISO 4217."""
        ...

    @property
    def scratch(self) -> Path:
        """A private folder that is removed when the work ends."""
        ...

    def isolated(self, work: Callable[..., T], *args: Any, memory: int = 2 << 30, seconds: float = 60) -> T:
        """Run `work(*args)` in another process with at most `memory` bytes and `seconds`, and return its result.

        `work` is a module-level function; arguments and result are pickled. A crash, too much memory or too much
        time raises `makegood.kernel.errors.MakegoodError` subclasses; errors that `work` raises arrive unchanged.
        """
        ...


class StepContext(WorkContext, Protocol):
    """What durable work receives: steps that are recorded, and the object store."""

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Run a named step once: its picklable result is recorded, and after a crash it is returned instead of running
        again. `name` is unique within the product and stable; it is also what the customer's progress shows, looked
        up in `Product.step_labels`."""
        ...

    def store(self, name: str, source: Path, *, media_type: str, file_name: str, **facts: Any) -> Artefact:
        """Put a finished file into the object store, durably, and return the artefact. To be called within a
        step. Storing the same bytes again is harmless. The fact `shown=False` keeps an artefact that only the
        product's own pages use out of the customer's list of downloads."""
        ...

    def open(self, artefact: Artefact) -> AbstractContextManager[Path]:
        """The artefact as read back from the object store, size and sha256 checked."""
        ...


class MakeContext(StepContext, Protocol):
    """What `Product.make` and `Product.verify` receive."""

    @property
    def obligation_id(self) -> str: ...

    @property
    def attempt(self) -> int: ...

    @property
    def unit(self) -> UnitView: ...

    def outside(self, name: str) -> str:
        """A permanent reference for something that this unit is about to have outside the shop: a server, a record at
        a provider. It is on disk before this returns, so that `Product.discard` can undo what comes of it whatever
        happens next. The same name gives the same reference in every attempt: look it up there before making it.
        To be called within a step; an attempt that has been overtaken is ended here."""
        ...

    def generated(self) -> Sequence[Artefact]:
        """What the draft's job made before it was paid for, read back; what was lost or damaged since is made again by
        `Product.generate` from the same options, files and seed."""
        ...


class GenerateContext(StepContext, Protocol):
    """What `Product.generate` receives, before payment or, to make again what was lost, after it."""

    @property
    def options(self) -> BaseModel: ...

    @property
    def files(self) -> Mapping[str, InputFile]: ...

    @property
    def seed(self) -> int: ...

    def progress(self, done: float, doing: str = "") -> None:
        """Tell who waits how much is done, from 0 to 1, and what is being done. Ends the work here if it was cancelled
        or took too long: call it at least every few seconds."""
        ...


class OutsideContext(WorkContext, Protocol):
    """What `Product.probe`, `Product.revoke` and `Product.discard` receive."""

    @property
    def obligation_id(self) -> str: ...

    @property
    def unit(self) -> UnitView: ...

    @property
    def references(self) -> Mapping[str, str]:
        """What to look at or to undo outside, by the names that `make` gave to `outside`. Nothing else is to be
        touched: a reference that isn't here may be what the customer has."""
        ...


class PageContext(Protocol):
    """What a product's routes receive for one request: the caller is known and everything is the caller's own."""

    def draft(self, draft_id: str) -> AbstractContextManager[DraftView]:
        """The caller's draft, or `NotFound`."""
        ...

    def unit_by_code(self, purpose: str, code: str) -> AbstractContextManager[UnitView]:
        """The unit that a public code of this product leads to, whoever asks, or `NotFound`. Without its inputs: these
        may go once it is delivered, while its printed code is still read."""
        ...

    def order(self, number: str) -> OrderView:
        """The caller's order of that number with at least one unit of this product, or `NotFound`."""
        ...

    def render(self, template: str, /, status: int = 200, **values: Any) -> Response:
        """A page from the product's template folder."""
        ...

    def file(self, asset_id: str, *, download_as: str | None = None) -> Response:
        """The bytes of an asset that this context has already handed out, with ranges."""
        ...


class Shop(Protocol):
    """What `Product.router` receives: the way from a request to a context."""

    def page(self, request: Request) -> PageContext: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

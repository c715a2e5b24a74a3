"""What a product receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from makegood.product_api.things import Artefact, DraftView, OrderView, UnitView

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


class MakeContext(WorkContext, Protocol):
    """What `Product.make` and `Product.verify` receive."""

    @property
    def obligation_id(self) -> str: ...

    @property
    def attempt(self) -> int: ...

    @property
    def unit(self) -> UnitView: ...

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Run a named step once: its JSON-able or `Artefact` result is recorded, and after a crash it is returned
        instead of running again. `name` is unique within the product and stable; it is also what the customer's
        progress shows, looked up in `Product.step_labels`."""
        ...

    def store(self, name: str, source: Path, *, media_type: str, file_name: str, **facts: Any) -> Artefact:
        """Put a finished file into the object store, durably, and return the artefact. To be called within a
        step. Storing the same bytes again is harmless. The fact `shown=False` keeps an artefact that only the
        product's own pages use out of the customer's list of downloads."""
        ...

    def open(self, artefact: Artefact) -> AbstractContextManager[Path]:
        """The artefact as read back from the object store, size and sha256 checked."""
        ...


class PageContext(Protocol):
    """What a product's routes receive for one request: the caller is known and everything is the caller's own."""

    def draft(self, draft_id: str) -> AbstractContextManager[DraftView]:
        """The caller's draft, or `NotFound`."""
        ...

    def unit_by_code(self, purpose: str, code: str) -> AbstractContextManager[UnitView]:
        """The unit that a public code of this product leads to, whoever asks, or `NotFound`."""
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

"""The data that passes between platform and product. All of it is immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the shop says of a product. `id` is permanent; `route_prefix` begins with a slash."""

    id: str
    name: str
    route_prefix: str
    summary: str
    enabled: bool = True
    beta: bool = False
    dashboard: bool = True


@dataclass(frozen=True, slots=True)
class FileSlot:
    """A file that the customer gives. `max_bytes` is enforced while the upload streams; `accept` is only a hint
    for the browser's file dialog: the type is decided by content, in `Product.inspect`."""

    name: str
    label: str
    max_bytes: int
    accept: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """Bytes computed once from an upload and kept beside it, such as a small proxy image."""

    data: bytes
    media_type: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a product found in an upload: its true media type, JSON facts, warnings for the customer, and files
    worth keeping beside it."""

    media_type: str
    facts: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    derived: Mapping[str, DerivedFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputFile:
    """An inspected upload (or a file derived from one), readable at `path` while the context lives."""

    asset_id: str
    path: Path
    sha256: str
    size: int
    media_type: str
    file_name: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    derived: Mapping[str, InputFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft as its product sees it. `options` is an instance of the product's options model."""

    id: str
    version: int
    options: BaseModel
    files: Mapping[str, InputFile]
    generated: Mapping[str, InputFile] = field(default_factory=dict)
    """What this version's finished job made, by artefact name; empty without one."""


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line of a price: what it is and its amount per unit, in minor units of the shop's currency."""

    label: str
    unit_minor: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview image that may be shown before payment."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class CodeSpec:
    """A public code of `length` Crockford characters, minted with each unit at checkout and permanent, so that
    an artefact that carries it comes out the same however often it is made."""

    purpose: str
    length: int = 10


@dataclass(frozen=True, slots=True)
class CommitmentTerm:
    """What stays owed after delivery, counted from it. While it stands it is probed; once that has failed for `grace`,
    the unit is made again under its old references, and if it still fails `limit` later, or when its time is up, what
    was paid for the unused part of the term goes back. Only time in which it was looked at counts as failing: each
    failed look for the time between two looks at most."""

    kind: str
    lasts: timedelta
    grace: timedelta = timedelta(minutes=15)
    limit: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class JobTerms:
    """That a draft's result is made before anybody pays for it: how long one try may take, and how many there are."""

    time_limit: timedelta = timedelta(minutes=10)
    tries: int = 3


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file that `make` produced and stored: its object is in the store under `key`."""

    name: str
    key: str
    sha256: str
    size: int
    media_type: str
    file_name: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnitView:
    """One paid (or previously delivered) unit as its product sees it.

    `codes` maps a `CodeSpec.purpose` to its code; `seed` is permanent; `artefacts` is empty until verified.
    `ordered_at` is UTC and permanent: use it, not the clock, for dates that go into an artefact.
    `references` names what it has outside (see `MakeContext.outside`), `until` is when its last commitment ends.
    `renews` is the unit whose term this one was ordered to prolong: what that one has outside is kept, not made twice.
    """

    id: str
    order_number: str
    unit_no: int
    options: BaseModel
    inputs: Mapping[str, InputFile]
    codes: Mapping[str, str]
    seed: int
    ordered_at: datetime
    delivered: bool = False
    refunded: bool = False
    artefacts: Mapping[str, InputFile] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    until: datetime | None = None
    renews: UnitView | None = None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order of the caller's that contains this product. `state` is the order's derived state; `artefacts` are
    what can be downloaded now, each with `name`, `file_name`, `media_type`, `size` and `url`; `told` says whether the
    mail about the delivery was accepted by the mail server."""

    number: str
    state: str
    paid: bool
    email: str
    told: bool
    artefacts: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the shop's self-examination: `problem` is empty when all is well, else it names what is missing;
    `mend` is what to do about it."""

    name: str
    problem: str = ""
    mend: str = ""

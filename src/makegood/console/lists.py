"""What every list of the console has: columns, filters, pages, an order, an empty state in words, and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from makegood.accounts.operator_sign_in import ActingOperator
from makegood.console.rendering import pages_of
from makegood.kernel.money import Money, exponent

PER_PAGE = 50
MOST_IN_CSV = 50_000
LONGEST_FILTER = 200


class Kind(StrEnum):
    """How a column's values are shown."""

    TEXT = "text"
    CODE = "code"
    ORDER = "order"
    MONEY = "money"
    MOMENT = "moment"
    TAG = "tag"
    LINK = "link"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Tag:
    """A word with a tone: `risk` (red: money at risk), `notice`, `good`, or none."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead somewhere."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Button:
    """An act on one row, as a form of its own. `about` completes its name for who can't see the row."""

    label: str
    href: str
    about: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `sort` is the key that orders by it, if it can."""

    key: str
    label: str
    kind: Kind = Kind.TEXT
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """One field above a list: free text, or a choice among `options` (value, label)."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of a list. `sort` begins with `-` for descending; `limit` is None for everything."""

    filters: Mapping[str, str]
    sort: str
    page: int
    as_csv: bool

    @property
    def offset(self) -> int:
        return 0 if self.as_csv else (self.page - 1) * PER_PAGE

    @property
    def limit(self) -> int:
        return MOST_IN_CSV if self.as_csv else PER_PAGE

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    def query(self, **changes: str | int) -> str:
        """The list's address with some of it changed."""
        values: dict[str, str | int] = {**self.filters, "sort": self.sort, "page": self.page, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value not in ("", 1)})


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that is ready to be shown."""

    name: str
    columns: Sequence[Column]
    filters: Sequence[Filter]
    rows: Sequence[Mapping[str, Any]]
    total: int
    wanted: Wanted
    empty: str
    """What it means that there is nothing, in a sentence."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PER_PAGE))

    @property
    def first(self) -> int:
        return self.wanted.offset + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.wanted.offset + len(self.rows)

    @property
    def is_filtered(self) -> bool:
        return any(self.wanted.filters.values())

    def sort_of(self, column: Column) -> str:
        """The order that a click on the column's head asks for."""
        return f"-{column.sort}" if self.wanted.sort == column.sort else column.sort

    def direction_of(self, column: Column) -> str:
        """As `aria-sort` says it; empty when the list isn't ordered by this column."""
        if not column.sort or self.wanted.sort.lstrip("-") != column.sort:
            return ""
        return "descending" if self.wanted.descending else "ascending"


def read(request: Request, filters: Sequence[Filter], sorts: Sequence[str], default_sort: str) -> Wanted:
    """What the request asks for. Whatever makes no sense in it is as if it hadn't been said."""
    asked = request.query_params
    said = {each.name: asked.get(each.name, "").strip()[:LONGEST_FILTER] for each in filters}
    for each in filters:
        if each.options and said[each.name] not in dict(each.options):
            said[each.name] = ""
    sort = asked.get("sort", default_sort)
    page = asked.get("page", "1")
    return Wanted(
        {name: value.replace("\0", "") for name, value in said.items()},
        sort if sort.lstrip("-") in sorts else default_sort,
        max(1, int(page)) if page.isascii() and page.isdecimal() and len(page) < 7 else 1,
        asked.get("format") == "csv",
    )


def page_of(rows: Sequence[Any], wanted: Wanted) -> Sequence[Any]:
    """The part of an ordered whole that is asked for."""
    return rows[wanted.offset : wanted.offset + wanted.limit]


def answer(
    request: Request, who: ActingOperator, template: str, listing: Listing, status: int = 200, **values: Any
) -> Response:
    """The list as a page, or as CSV if that was asked for."""
    if listing.wanted.as_csv:
        name = f"{listing.name}-{pages_of(request).now():%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(as_csv(listing), media_type="text/csv; charset=utf-8", headers=headers)
    return pages_of(request).page(request, template, who, status, listing=listing, **values)


def as_csv(listing: Listing) -> str:
    """The list's rows. Money is a plain decimal beside its currency, moments are ISO 8601 in UTC."""
    columns = [(column, name) for column in listing.columns for name in _csv_names(column)]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([name for _, name in columns])
    for row in listing.rows:
        cells: list[str] = []
        for column in listing.columns:
            cells += _csv_cells(column, row.get(column.key))
        writer.writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


def _csv_names(column: Column) -> list[str]:
    return [column.key, "currency"] if column.kind == Kind.MONEY else [column.key]


def _csv_cells(column: Column, value: Any) -> list[str]:
    if column.kind == Kind.MONEY:
        if not isinstance(value, Money):
            return ["", ""]
        digits = exponent(value.currency)
        return [f"{value.minor / 10**digits:.{digits}f}", value.currency]
    return [_plain(value)]


def _plain(value: Any) -> str:
    plain: dict[type, Callable[[Any], str]] = {
        datetime: datetime.isoformat,
        Money: Money.format,
        Tag: lambda tag: str(tag.text),
        Link: lambda link: str(link.text),
    }
    if value is None:
        return ""
    return plain.get(type(value), str)(value)


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: customers write some of them. Negative figures stay figures."""
    if cell[:1] in ("=", "+", "@", "\t", "\r") or (cell[:1] == "-" and not cell[1:].replace(".", "", 1).isdigit()):
        return f"'{cell}"
    return cell

"""What customers wrote, found by where it stands: nothing has to be told from how it looks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.catalog.products import Products
from makegood.kernel import logs
from makegood.orders.models import Order, OrderLine
from makegood.product_api import Product
from makegood.proof.chosen import Form
from makegood.proof.redaction import SENSITIVE, is_our_word, stand_in
from makegood.proof.story import Rows
from makegood.storage.assets import Asset

SHOWN = frozenset({
    "accepted_by", "agent", "artefact.name", "delete_error", "derived", "details", "difference.text", "download.name",
    "email", "error_text", "headers", "job_output.name", "last_error", "origin", "outside.name", "price", "problem",
    "raw", "reason", "report", "to", "url",
})  # fmt: skip
"""Columns in which the shop or a provider speaks: what they repeat of the customer's words is taken out by value.
Text in any other column, of a table that is added later too, counts as the customer's."""
MEASURED = frozenset({"codec", "container", "format", "media_type"})
"""Facts of a file that say what it is."""
NUMBER = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A hash or an id."""

log = logs.get("proof")


class Written:
    """Tells a customer's own words from what was chosen, measured, or said by the shop."""

    def __init__(self, products: Products) -> None:
        self._products = products

    def words(self, session: Session, order: Order) -> Iterator[str]:
        """What the order's customer wrote, for finding it where somebody repeats it."""
        yield order.email
        for line in order.lines:
            options, written = self._form(line.product_id).masked(line.options)
            yield from written
            if self._description(line.product_id, options, written, line.description) != line.description:
                yield line.description
        inputs = [file.asset_id for line in order.lines for file in line.inputs]
        for name in session.scalars(sa.select(Asset.file_name).where(Asset.id.in_(inputs))):
            yield name
            # A single plain word, as in `photo.jpg`, is everybody's.
            if not PurePath(name).stem.isalnum():
                yield PurePath(name).stem

    def masked(self, rows: Rows) -> Rows:
        """The rows with a stand-in for everything that a customer wrote."""
        return {table: [self._row(table, row) for row in found] for table, found in rows.items()}

    def _row(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: self._cell(table, name, value) for name, value in row.items()}
        if isinstance(row.get("options"), Mapping):
            product_id = str(row.get("product_id"))
            shown["options"], written = self._form(product_id).masked(row["options"])
            if table == OrderLine.__tablename__:
                shown["description"] = self._description(product_id, shown["options"], written, row["description"])
        return shown

    def _cell(self, table: str, name: str, value: Any) -> Any:
        is_said = name in SHOWN or f"{table}.{name}" in SHOWN or is_our_word(name) or SENSITIVE.search(name)
        return value if is_said else _hidden(value, name)

    def _form(self, product_id: str) -> Form:
        product = self._products.find(product_id)
        try:
            return Form(product.options if product else None)
        except Exception:
            log.exception("product.options_unreadable", product=product_id)
            return Form(None)

    def _description(self, product_id: str, options: Any, written: list[str], was: str) -> str:
        """The line as its product describes it without what was written."""
        product = self._products.find(product_id)
        if product is not None and not written:
            return was
        return _described(product, options) or stand_in(was)


def _described(product: Product | None, options: Any) -> str:
    try:
        return product.describe(product.options.model_validate(options)) if product else ""
    except Exception:  # noqa: BLE001 - a stand-in need not be an option that the product takes
        return ""


def _hidden(value: Any, name: str) -> Any:
    """The value, each text in it replaced unless it says what a file is; numbers and moments stay."""
    if isinstance(value, str):
        return value if name in MEASURED or NUMBER.fullmatch(value) else stand_in(value)
    if isinstance(value, Mapping):
        return {key: _hidden(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(inner, name) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(bytes(value))} bytes]"
    return value

"""The tables: the core's, each product's, and the models that use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from makegood.catalog.products import Products
from makegood.kernel import schema
from makegood.kernel.database import Base, Database
from makegood.kernel.schema import SchemaState
from makegood.product_api import Check
from makegood.proof.findings import Findings, found


class CoreSchemaIsWhole:
    name = "schema"
    keeps: float | None = 1.0
    needs_database = True

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self) -> Findings:
        return _findings([schema.examine(self._database)])


class ProductSchemasAreWhole:
    name = "product schemas"
    keeps: float | None = 1.0
    needs_database = True

    def __init__(self, products: Products) -> None:
        self._products = products

    def look(self) -> Findings:
        return _findings(self._products.states())


class ModelsLoad:
    """One broken relationship keeps every model of its base from loading."""

    name = "models"
    keeps: float | None = 60.0
    needs_database = False

    def look(self) -> Findings:
        try:
            Base.registry.configure(cascade=True)
        except SQLAlchemyError as error:
            mend = "This release is broken: go back to the last one, and tell its makers."
            return found("models", [Check("core models", f"they don't load: {error}", mend)])
        return found("models", [Check(f"core models, {len(list(Base.registry.mappers))} of them")])


def _findings(states: Sequence[SchemaState]) -> Findings:
    tables = [name for state in states for name in state.missing_tables]
    columns = [name for state in states for name in state.missing_columns]
    pending = {state.branch: list(state.pending) for state in states if state.pending}
    named: dict[str, Any] = {"missingTables": tables, "missingColumns": columns, "pendingMigrations": pending}
    issues = {name: wrong for name, wrong in named.items() if wrong}
    lines = tuple(_line(state) for state in states)
    told = [f"{line.name}: {line.problem} {line.mend}" for line in lines if line.problem]
    return Findings(lines, {**issues, "schema": told} if told else {})


def _line(state: SchemaState) -> Check:
    name = f"tables of {state.branch}, at {state.present or 'nothing'}"
    if state.problem is None:
        return Check(name)
    problem = state.problem.for_operator() if state.is_ahead else f"the database lacks {state.missing}"
    return Check(name, problem, state.mend)

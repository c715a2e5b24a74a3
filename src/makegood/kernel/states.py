"""The mechanism of state changes: a table of transitions, and compare-and-set in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session


class IllegalTransition(ValueError):
    """A change of state that the table doesn't have: always a mistake in our code."""


class States:
    """A table of transitions: from each state to the states it may become."""

    def __init__(self, name: str, transitions: Mapping[str, Iterable[str]]) -> None:
        self.name = name
        self.transitions = {old: frozenset(new) for old, new in transitions.items()}

    def leading_to(self, new: str) -> frozenset[str]:
        """The states from which `new` may be reached."""
        return frozenset(old for old, targets in self.transitions.items() if new in targets)

    def move(
        self,
        session: Session,
        column: InstrumentedAttribute[Any],
        identity: sa.ColumnElement[bool],
        new: str,
        *guards: sa.ColumnElement[bool],
        come_from: Iterable[str] | None = None,
        **also: Any,
    ) -> bool:
        """Set `column` to `new` where `identity` and all `guards` hold and the present state allows it; `also` sets
        further columns in the same statement. Returns whether this call made the change."""
        change = self._change(column, identity, new, guards, come_from, also)
        return bool(session.execute(change).rowcount == 1)  # type: ignore[attr-defined]

    def take(
        self,
        session: Session,
        column: InstrumentedAttribute[Any],
        identity: sa.ColumnElement[bool],
        new: str,
        *guards: sa.ColumnElement[bool],
        come_from: Iterable[str] | None = None,
        **also: Any,
    ) -> Sequence[Any]:
        """`move` of every row that `identity` describes; returns those that this call changed, as they have become and
        in no order."""
        change = self._change(column, identity, new, guards, come_from, also).returning(column.class_)
        return session.scalars(change, execution_options={"populate_existing": True}).all()

    def _change(
        self,
        column: InstrumentedAttribute[Any],
        identity: sa.ColumnElement[bool],
        new: str,
        guards: Iterable[sa.ColumnElement[bool]],
        come_from: Iterable[str] | None,
        also: Mapping[str, Any],
    ) -> sa.Update:
        allowed = self.leading_to(new)
        wanted = allowed if come_from is None else frozenset(come_from)
        if not wanted or not wanted <= allowed:
            raise IllegalTransition(f"{self.name}: {sorted(wanted)} can't become {new}")
        # Each time it is run, a list is written into the statement anew; one value is not.
        present = column.in_(sorted(wanted)) if len(wanted) > 1 else column == min(wanted)
        return (
            sa.update(column.class_)
            .where(identity, present, *guards)
            .values({column.key: new, **also})
            .execution_options(synchronize_session=False)
        )

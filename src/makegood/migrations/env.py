"""Runs migrations on the engine that the caller hands over."""

from typing import Any, Literal

from alembic import context

from makegood.kernel.database import Base, UtcDateTime


def render_item(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """A migration stands for itself: it must not change when our types do."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


engine = context.config.attributes["engine"]
with engine.execution_options(writing=True).connect() as connection:
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, render_item=render_item
    )
    with context.begin_transaction():
        context.run_migrations()

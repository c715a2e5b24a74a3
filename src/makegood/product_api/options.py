"""What a product may say of its options, beyond their types."""

from __future__ import annotations

from typing import Any

from pydantic import Field

OFFERED_MARK = "x-offered"

OFFERED: Any = Field(json_schema_extra={OFFERED_MARK: True})
"""Within `Annotated`, of a string: one of the names that the product itself gave to what it offers (a template, a
typeface, a colour), and the product refuses any other. Every string that is neither this nor an enumeration counts as
the customer's own words: whoever helps the shop doesn't read it."""

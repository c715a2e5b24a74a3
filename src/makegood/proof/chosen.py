"""What of a product's options was chosen among what it offers. Everything else the customer wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from makegood.product_api import OFFERED_MARK
from makegood.proof.redaction import stand_in

Node = tuple[Mapping[str, Any], bool]
"""A part of a schema, and whether the product marks it as offered."""


class Form:
    """The schema of a product's options; without a model everything counts as written."""

    def __init__(self, model: type[BaseModel] | None) -> None:
        # Options are kept under the names of the fields.
        self._schema: Mapping[str, Any] = model.model_json_schema(by_alias=False) if model else {}

    def masked(self, options: Any) -> tuple[Any, list[str]]:
        """The options with a stand-in for each text that was written, and those texts."""
        written: list[str] = []
        return self._value(options, list(self._alternatives(self._schema)), written), written

    def _value(self, value: Any, nodes: Sequence[Node], written: list[str]) -> Any:
        if isinstance(value, str):
            return value if _is_chosen(value, nodes) else _noted(value, written)
        if isinstance(value, Mapping):
            found = {}
            for number, (key, inner) in enumerate(value.items(), 1):
                name = key
                if not self._is_field(key, nodes):
                    written.append(key)
                    name = f"[name {number}]"
                found[name] = self._value(inner, list(self._below(nodes, key)), written)
            return found
        if isinstance(value, list | tuple):
            return [self._value(x, list(self._items(nodes, place)), written) for place, x in enumerate(value)]
        return value

    def _is_field(self, key: str, nodes: Sequence[Node]) -> bool:
        names = [part for node, _ in nodes for part in self._alternatives(node.get("propertyNames", {}))]
        return any(key in node.get("properties", {}) for node, _ in nodes) or _is_chosen(key, names)

    def _below(self, nodes: Sequence[Node], key: str) -> Iterator[Node]:
        for node, offered in nodes:
            if key in node.get("properties", {}):
                yield from self._alternatives(node["properties"][key], offered)
            else:
                for other in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
                    yield from self._alternatives(other, offered)

    def _items(self, nodes: Sequence[Node], place: int) -> Iterator[Node]:
        for node, offered in nodes:
            first = node.get("prefixItems", ())
            yield from self._alternatives(first[place] if place < len(first) else node.get("items"), offered)

    def _alternatives(self, node: Any, offered: bool = False) -> Iterator[Node]:
        """The part itself and everything that may stand in its place."""
        if not isinstance(node, Mapping):
            return
        offered = offered or node.get(OFFERED_MARK) is True
        yield node, offered
        if "$ref" in node:
            yield from self._alternatives(self._schema["$defs"][node["$ref"].rpartition("/")[2]], offered)
        for kind in ("anyOf", "oneOf", "allOf"):
            for each in node.get(kind, ()):
                yield from self._alternatives(each, offered)


def _is_chosen(text: str, nodes: Sequence[Node]) -> bool:
    if any(text in node.get("enum", ()) or node.get("const") == text for node, _ in nodes):
        return True
    free = [offered for node, offered in nodes if node.get("type") == "string" and not {"enum", "const"} & node.keys()]
    return bool(free) and all(free)


def _noted(text: str, written: list[str]) -> str:
    if text:
        written.append(text)
    return stand_in(text)

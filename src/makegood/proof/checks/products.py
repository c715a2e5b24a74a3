"""The plug-ins, and what each says that it needs: fonts, templates, models."""

from __future__ import annotations

from typing import Any

from makegood.catalog.products import RESTART, Products, missing_parts
from makegood.product_api import Check
from makegood.proof.findings import Findings, sentence


class ProductsAreWhole:
    """A plug-in that can't be used is named; of one that can, whatever it lacks."""

    name = "products"
    keeps: float | None = 0.0
    needs_database = False

    def __init__(self, products: Products) -> None:
        self._products = products

    def look(self) -> Findings:
        lines: list[Check] = []
        missing: dict[str, list[str]] = {}
        broken = dict(self._products.broken)
        lines += [Check(f"product {name}", f"quarantined: {problem}", RESTART) for name, problem in broken.items()]
        for product in self._products:
            name = product.manifest.id
            if name in broken:
                continue
            wrong = list(missing_parts(product))
            lines += [Check(f"product {name}, {line.name}", line.problem, line.mend) for line in wrong]
            if wrong:
                missing[name] = [sentence(line) for line in wrong]
            else:
                lines.append(Check(f"product {name}: all {len(product.checks())} of its parts are in place"))
        issues: dict[str, Any] = {"brokenProducts": broken} if broken else {}
        return Findings(tuple(lines), {**issues, **({"products": missing} if missing else {})})

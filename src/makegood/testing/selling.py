"""Making products known to a shop process, as an installer would: by entry points on its path."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

METADATA = "Metadata-Version: 2.1\nName: products-under-test\nVersion: 1.0\n"


def installed(site: Path, modules: Sequence[str]) -> list[Path]:
    """Write entry points for the `product` of each module into the folder `site`; returns what belongs on the path of
    a process that is to sell them."""
    about = site / "products_under_test-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text(METADATA)
    points = [f"{module.rpartition('.')[2]} = {module}:product" for module in modules]
    (about / "entry_points.txt").write_text("\n".join(["[makegood.products]", *points, ""]))
    return [site, *sorted({_root(module) for module in modules})]


def _root(module: str) -> Path:
    """The folder from which a module is imported."""
    top = module.partition(".")[0]
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise ModuleNotFoundError(f"there is no module {top} to sell from")
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    return Path(spec.origin or "").parent

"""The products on sale: plug-ins found by their entry points. One that fails to load is quarantined and named."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points

from makegood.kernel import logs
from makegood.kernel.errors import Misconfigured, NotFound
from makegood.product_api import Product

GROUP = "makegood.products"
log = logs.get("catalog")


class ProductUnknown(NotFound):
    code = "PRODUCT_UNKNOWN"
    customer = "We don't sell that."
    operator = "No product {product} is installed; there are {known}."


class ProductBroken(Misconfigured):
    code = "PRODUCT_BROKEN"
    operator = "The plug-in {product} can't be loaded: {problem}"


class Products:
    """The installed products by id, in the order of their names."""

    def __init__(self, products: dict[str, Product], broken: dict[str, str] | None = None) -> None:
        self._products = dict(sorted(products.items()))
        self.broken = broken or {}

    @classmethod
    def installed(cls) -> Products:
        """Load every plug-in of this installation."""
        products: dict[str, Product] = {}
        broken: dict[str, str] = {}
        for point in entry_points(group=GROUP):
            try:
                product: Product = point.load()
                products[product.manifest.id] = product
            except Exception as error:
                broken[point.name] = f"{type(error).__name__}: {error}"
                log.exception("product.quarantined", product=point.name)
        return cls(products, broken)

    def __iter__(self) -> Iterator[Product]:
        return iter(self._products.values())

    def get(self, product_id: str) -> Product:
        """The product, whether or not it is on sale now: what is owed is made from it."""
        if product_id in self._products:
            return self._products[product_id]
        if product_id in self.broken:
            raise ProductBroken(product=product_id, problem=self.broken[product_id])
        raise ProductUnknown(product=product_id, known=", ".join(self._products) or "none")

    def on_sale(self, product_id: str) -> Product:
        """The product if it may be sold now."""
        product = self.get(product_id)
        if not product.manifest.enabled:
            raise ProductUnknown(product=product_id, known="(not on sale)")
        for check in product.checks():
            if check.problem:
                raise ProductBroken(product=product_id, problem=f"{check.name}: {check.problem} {check.mend}")
        return product

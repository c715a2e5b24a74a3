"""The products on sale: plug-ins found by their entry points, and the gate that they stand behind.

A plug-in that can't be imported, whose models don't load or whose tables aren't there is quarantined and named. It
can't be sold, what is owed of it waits, and everything else runs on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from makegood.kernel import logs, schema
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError, Misconfigured, NotFound
from makegood.kernel.schema import Branch, SchemaState
from makegood.product_api import Check, Product

GROUP = "makegood.products"
DEADLINE = timedelta(hours=24)
"""Of a product that can't be asked for its own: what is owed must not wait for ever."""
LOOK_SECONDS = 1.0
"""For how long a look at a product's tables is believed."""
RESTART = "Mend or remove the package, then restart the shop; what waits is then made by itself."

log = logs.get("catalog")


class ProductUnknown(NotFound):
    code = "PRODUCT_UNKNOWN"
    customer = "We don't sell that."
    operator = "No product {product} is installed; there are {known}."


class ProductBroken(Misconfigured):
    code = "PRODUCT_BROKEN"
    customer = (
        "This can't be ordered just now, because a part of it is missing in the shop. Nothing was charged; what is "
        "paid already is delivered once this is mended."
    )
    operator = "The product {product} can't work: {problem}"


class Products:
    """The installed products by id, in the order of their names. `broken` says by id what keeps a plug-in from being
    used until it is mended and the shop restarted."""

    def __init__(self, products: dict[str, Product], broken: dict[str, str] | None = None) -> None:
        self._products = dict(sorted(products.items()))
        self.broken = dict(broken or {})
        self._database: Database | None = None
        self._looks: dict[str, tuple[float, SchemaState]] = {}
        self._lock = threading.Lock()

    @classmethod
    def installed(cls) -> Products:
        """Load every plug-in of this installation."""
        found = cls({})
        for point in entry_points(group=GROUP):
            found._load(point)
        found._products = dict(sorted(found._products.items()))
        return found

    def _load(self, point: EntryPoint) -> None:
        name, before = point.name, set(_bases())
        try:
            product: Product = point.load()
            name = product.manifest.id
            self._products[name] = product
            branch = branch_of(product)
            _require_models(product, [base for base in _bases() if base not in before])
            if branch is not None:
                self._require_own_tables(branch)
                schema.require_branch(branch)
        except Exception as error:
            log.exception("product.quarantined", product=name)
            self.quarantine(name, error)

    def _require_own_tables(self, branch: Branch) -> None:
        for other in (schema.CORE, *(b for b in self.branches if b.name != branch.name)):
            shared = sorted(set(branch.metadata.tables) & set(other.metadata.tables))
            if shared:
                raise ProductBroken(product=branch.name, problem=f"its table {shared[0]} is one of {other.name}")

    def quarantine(self, product_id: str, error: Exception) -> None:
        """Keep a plug-in from being used until the next start, and say why."""
        told = error.for_operator() if isinstance(error, MakegoodError) else f"{type(error).__name__}: {error}"
        self.broken[product_id] = told

    def prepare(self, database: Database, *, migrate: bool) -> None:
        """Let the gate look into this database from now on; with `migrate`, first bring each product's tables to
        this release. A migration that fails concerns that product alone: the gate names it."""
        self._database = database
        for branch in self.branches if migrate else ():
            try:
                schema.migrate(database, branch)
            except MakegoodError as error:
                log.exception("product.not_migrated", product=branch.name, problem=error.for_operator())
            except sa.exc.SQLAlchemyError:
                log.exception("product.not_migrated", product=branch.name)

    @property
    def branches(self) -> list[Branch]:
        """The tables of every product that has any of its own and can be used."""
        found = [branch_of(p) for p in self._products.values() if p.manifest.id not in self.broken]
        return [branch for branch in found if branch is not None]

    def __iter__(self) -> Iterator[Product]:
        """Every product that was loaded, those whose gate is closed included."""
        return iter(self._products.values())

    def find(self, product_id: str) -> Product | None:
        """The product if it was loaded, for showing what was ordered; None if its plug-in is broken or gone."""
        return self._products.get(product_id)

    def get(self, product_id: str) -> Product:
        """The product, whether or not it is on sale now; raises why not if it can't be used."""
        if product_id in self.broken:
            raise ProductBroken(product=product_id, problem=f"{self.broken[product_id]} {RESTART}")
        if product_id in self._products:
            return self._products[product_id]
        raise ProductUnknown(product=product_id, known=", ".join(self._products) or "none")

    def problem(self, product_id: str) -> MakegoodError | None:
        """Why nothing of this product can be made, shown or sold now: a broken plug-in or tables that aren't there."""
        try:
            product = self.get(product_id)
        except MakegoodError as error:
            return error
        state = self._state(product)
        return state.problem if state else None

    def working(self, product_id: str) -> Product:
        """The product if the gate is open: what is owed is made from it, whether or not it is on sale now."""
        problem = self.problem(product_id)
        if problem:
            raise problem
        return self.get(product_id)

    def on_sale(self, product_id: str) -> Product:
        """The product if it may be sold now."""
        product = self.working(product_id)
        if not product.manifest.enabled:
            raise ProductUnknown(product=product_id, known="(not on sale)")
        for check in missing_parts(product):
            raise ProductBroken(product=product_id, problem=f"{check.name}: {check.problem} {check.mend}")
        return product

    def offered(self) -> list[Product]:
        """What the shop's pages name as on sale: enabled, and its plug-in works. Cheap."""
        return [p for p in self if p.manifest.enabled and p.manifest.id not in self.broken]

    def can_be_bought(self) -> list[Product]:
        """What `on_sale` would return now."""
        offered = [p for p in self.offered() if self.problem(p.manifest.id) is None]
        return [product for product in offered if not missing_parts(product)]

    def is_whole(self, product_id: str) -> bool:
        """Whether everything that the product is made with is there."""
        product = self.find(product_id)
        return product is not None and self.problem(product_id) is None and not missing_parts(product)

    def deadline(self, product_id: str) -> timedelta:
        """From payment until an undelivered unit is refunded: the product's own, or a day if it can't be asked."""
        product = self.find(product_id)
        return DEADLINE if product is None else product.deadline

    def chunk(self, product_id: str) -> int:
        """How many units of one line are worked off together: the product's own, or one if it can't be asked."""
        product = self.find(product_id)
        return 1 if product is None else product.chunk

    def states(self) -> list[SchemaState]:
        """A fresh look at every product's tables."""
        database = self._database
        return [] if database is None else [schema.examine(database, branch) for branch in self.branches]

    def _state(self, product: Product) -> SchemaState | None:
        branch, database = branch_of(product), self._database
        if branch is None or database is None:
            return None
        with self._lock:
            seen, state = self._looks.get(branch.name, (float("-inf"), None))
        if state is None or time.monotonic() - seen > LOOK_SECONDS:
            state = schema.examine(database, branch)
            with self._lock:
                self._looks[branch.name] = time.monotonic(), state
        return state


def branch_of(product: Product) -> Branch | None:
    """The product's own tables, if it has any."""
    metadata, migrations = getattr(product, "metadata", None), getattr(product, "migrations", None)
    if metadata is None and migrations is None:
        return None
    if not isinstance(metadata, sa.MetaData) or migrations is None or not migrations.is_dir():
        problem = f"it needs both: metadata (it has {type(metadata).__name__}) and migrations (it has {migrations})"
        raise ProductBroken(product=product.manifest.id, problem=problem)
    return Branch(product.manifest.id, metadata, migrations)


def missing_parts(product: Product) -> Sequence[Check]:
    """What the product says that it lacks: fonts, templates, models."""
    try:
        return [check for check in product.checks() if check.problem]
    except Exception as error:
        log.exception("product.checks_failed", product=product.manifest.id)
        return [Check("its own checks", f"they raised {type(error).__name__}: {error}", RESTART)]


def _bases(parent: type[DeclarativeBase] = DeclarativeBase) -> Iterator[type[DeclarativeBase]]:
    """Every declarative base there is."""
    for base in parent.__subclasses__():
        if DeclarativeBase in base.__bases__:
            yield base


def _require_models(product: Product, new: Sequence[type[DeclarativeBase]]) -> None:
    """Have every model of the plug-in load now: a broken relationship would else show at its first customer."""
    own = [base for base in _bases() if base.metadata is getattr(product, "metadata", None)]
    for base in {*new, *own}:
        base.registry.configure(cascade=False)

"""The composition root: the only place that wires everything together."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import sqlalchemy as sa
from anyio import to_thread
from fastapi import FastAPI, Request
from starlette.responses import Response

from makegood import __version__, api, console, pages
from makegood.accounts.limits import Limits
from makegood.accounts.operator_sign_in import OperatorSignIn
from makegood.accounts.operators import Operators
from makegood.accounts.sign_in import Accounts
from makegood.catalog.products import Products
from makegood.catalog.quotes import Quotes
from makegood.checkout import keeping
from makegood.checkout.drafts import Drafts
from makegood.checkout.housekeeping import Housekeeping
from makegood.checkout.open_orders import OpenOrders
from makegood.checkout.ordering import Ordering
from makegood.engine import Engine, IsolatedWork, Periodic, end_fenced
from makegood.fulfillment.assembly import assemble
from makegood.fulfillment.contexts import Workshop
from makegood.fulfillment.downloads import Downloads
from makegood.fulfillment.telling import Telling as DeliveryTelling
from makegood.kernel import logs, schema
from makegood.kernel.absences import SchemaDamaged
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings
from makegood.kernel.shared_clock import SharedClock, clock_of
from makegood.kernel.signing import Signer
from makegood.notify.alerts import Alerts, Condition
from makegood.notify.mails import Mailer
from makegood.orders.links import Links
from makegood.orders.obligations import Obligations
from makegood.orders.reversals import Reversals
from makegood.payments.inbox import Inbox
from makegood.payments.provider import PaymentProvider
from makegood.payments.providers.free import FreeProvider
from makegood.payments.providers.sandbox.adapter import SandboxProvider
from makegood.payments.providers.sandbox.server import Sandbox, SandboxConfig
from makegood.payments.reconciling import Reconciling
from makegood.payments.refunding import Refunding
from makegood.payments.requesting import Requesting
from makegood.payments.reversing import Reversing
from makegood.payments.settling import Settling
from makegood.payments.surplus import Surplus
from makegood.payments.sweep import PaymentSweep
from makegood.payments.telling import Telling as MoneyTelling
from makegood.proof.checks import (
    ClockIsRight,
    CoreSchemaIsWhole,
    DatabaseAnswers,
    DiskHasRoom,
    EngineAnswers,
    LettersAreThere,
    MailServerKnowsUs,
    MemoryHasRoom,
    ModelsLoad,
    ProductsAreWhole,
    ProductSchemasAreWhole,
    ProvidersKnowUs,
    SettingsAreKnown,
    SomebodyWorks,
    StoreWorks,
)
from makegood.proof.conditions import WorkerSilent, all_conditions
from makegood.proof.doctor import Doctor
from makegood.proof.findings import Examination
from makegood.storage.assets import Asset
from makegood.storage.objects import ObjectStore
from makegood.storage.orphans import Orphans
from makegood.storage.retention import Retention
from makegood.storage.scratch import Scratch
from makegood.web import failing
from makegood.web.checks import PagesAreThere
from makegood.web.security import Security
from makegood.web.services import Services
from makegood.web.uploads import Uploads

log = logs.get("app")

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SOME_KEYS = 20
LOOK_SECONDS = 2.0
"""How often a shop that could not begin to work looks whether it can."""
THREADS = 80
"""Requests that may wait for something at once; the default of 40 lets slow ones stall the rest."""


@dataclass
class Running:
    """A shop that has been put together: what runs beside its requests, in the order of starting."""

    services: Services
    sweeps: tuple[Callable[[], object], ...]
    """One pass over everything that is not at rest, in parts of which none needs another to succeed."""
    periodics: list[Periodic]
    watch: Periodic
    """Keeps the time and tells the operators what is amiss: also in a process that doesn't work, for those that do may
    be what is."""
    isolated: IsolatedWork
    sandbox: Sandbox | None
    works: bool
    on_fenced: Callable[[], None] | None = None
    _stopping: Event = field(default_factory=Event, init=False)
    _is_working: bool = field(default=False, init=False)

    def start(self) -> None:
        """Take up what is owed, if this process works. The sandbox first, since the sweep asks it."""
        self.services.workshop.scratch.clear()
        if self.sandbox:
            self.sandbox.start()
        self.watch.start()
        engine = self.services.engine
        if self.works and schema.examine(self.services.database).problem is None:
            self._work()
            return
        engine.prepare()
        engine.attach()
        if self.works:
            # Pages and API answer as far as they can. What is owed waits until the core's tables are whole.
            Thread(target=self._begin, daemon=True, name="begin").start()

    def _begin(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                if schema.examine(self.services.database).problem is not None:
                    continue
            except Exception:
                log.exception("shop.not_repaired")
                continue
            try:
                self._work()
                log.info("shop.repaired")
            except Exception:
                # The engine begins once in a process: another try needs another one.
                log.exception("shop.not_begun")
                self._fenced()
            return

    def _work(self) -> None:
        self._is_working = True
        self.services.engine.launch(self._fenced)
        for periodic in self.periodics:
            periodic.start()

    def _fenced(self) -> None:
        self.isolated.stop()
        (self.on_fenced or end_fenced)()

    def stop(self) -> None:
        """Drain and end; the next start goes on."""
        self.watch.stop()
        self._stopping.set()
        for periodic in self.periodics if self._is_working else ():
            periodic.stop()
        self.services.engine.stop()
        self.isolated.stop()
        if self.sandbox:
            self.sandbox.stop()
        self.services.database.close()


def sandbox_config(settings: Settings) -> SandboxConfig:
    """The embedded sandbox's own configuration: its database file is no part of the shop's."""
    return SandboxConfig(
        database=(settings.home / "sandbox.db").absolute(),
        api_key=settings.sandbox_api_key,
        webhook_secret=settings.sandbox_signing_secret,
        webhook_url=f"{settings.address}/api/v1/payments/sandbox/webhook",
        public_url=settings.public_address,
        open_console=settings.env != "production" and settings.host in LOOPBACK,
    )


def payment_providers(settings: Settings, clock: Clock) -> dict[str, PaymentProvider]:
    """The adapters of the providers that are set up, by name."""
    providers: dict[str, PaymentProvider] = {"free": FreeProvider()}
    if settings.env != "production" or settings.sandbox_in_production:
        url = settings.sandbox_url or f"{settings.address}/sandbox"
        providers["sandbox"] = SandboxProvider(url, settings.sandbox_api_key, settings.sandbox_signing_secret, clock)
    return providers


def object_store(settings: Settings, database: Database) -> ObjectStore:
    """The store of the shop's objects; once anything was stored, another folder is not taken for it."""
    some = sa.select(Asset.key).where(Asset.deleting_at.is_(None)).order_by(Asset.created_at.desc()).limit(SOME_KEYS)
    try:
        with database.read() as session:
            known = list(session.scalars(some))
    except (MakegoodError, sa.exc.SQLAlchemyError):
        # The table or the database is gone, so nobody knows what should be there: nothing is begun.
        known = ["unknown"]
    return ObjectStore(settings.home / "objects", known=known)


def bring_to_this_release(database: Database, products: Products, *, migrate: bool) -> None:
    """Migrate the core's tables and each product's, forward only; what is damaged stays as it is and is named by
    everybody who looks. Raises what makes it impossible to serve at all: `SchemaAhead`, `MigrationFailed`."""
    if migrate:
        try:
            schema.migrate(database)
        except SchemaDamaged as error:
            log.exception("schema.damaged", problem=error.for_operator())
    products.prepare(database, migrate=migrate)


def examinations(
    settings: Settings, database: Database, products: Products, providers: Mapping[str, PaymentProvider],
    objects: ObjectStore, engine: Engine, clock: Clock,
) -> list[Examination]:  # fmt: skip
    """Everything that the doctor looks at, in his order. Health and start-up look at what is cheap of it."""
    return [
        DatabaseAnswers(database),
        CoreSchemaIsWhole(database),
        ProductSchemasAreWhole(products),
        ModelsLoad(),
        ProductsAreWhole(products),
        PagesAreThere("pages", Path(pages.__file__).parent),
        PagesAreThere("console", Path(console.__file__).parent),
        LettersAreThere(),
        StoreWorks(objects),
        DiskHasRoom(objects, settings.disk_floor_mb),
        MemoryHasRoom(settings.memory_floor_mb),
        MailServerKnowsUs(settings),
        ProvidersKnowUs(providers),
        ClockIsRight(providers, clock),
        SomebodyWorks(engine, database, settings.lease_seconds),
        SettingsAreKnown(os.environ),
    ]


def build(
    settings: Settings, clock: Clock | None = None, products: Products | None = None, *, hosts_sandbox: bool = True
) -> Running:
    """Put a shop together: migrate its database and wire its parts. Nothing runs yet. Of several processes of one
    home, one hosts the embedded sandbox."""
    products = products or Products.installed()
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    clock = clock or clock_of(settings, database)
    bring_to_this_release(database, products, migrate=settings.migrate_at_start)
    signer = Signer(settings.signing_key)
    objects = object_store(settings, database)
    engine = Engine(
        database, workers=settings.workers, poll_seconds=settings.poll_seconds, lease_seconds=settings.lease_seconds
    )
    isolated = IsolatedWork(settings.isolated_processes)
    links = Links(settings, signer)
    mailer = Mailer(database, engine, clock, settings)
    obligations = Obligations(engine, clock, products.chunk)
    workshop = Workshop(objects, isolated, engine, links, settings.currency, Scratch(settings.home / "scratch"))

    providers = payment_providers(settings, clock)
    is_embedded = hosts_sandbox and "sandbox" in providers and not settings.sandbox_url
    sandbox = Sandbox(sandbox_config(settings)) if is_embedded else None

    def deadline(product_id: str) -> timedelta:
        own = settings.deadline_hours
        return products.deadline(product_id) if own is None else timedelta(hours=own)

    money_telling = MoneyTelling(mailer, links, clock)
    reversals = Reversals(clock)
    reversing = Reversing(database, clock, providers, reversals, money_telling)
    surplus = Surplus(database, engine, clock, reversing, timedelta(hours=settings.stray_hours))
    settling = Settling(database, clock, providers, obligations, reversing, surplus, deadline, money_telling)
    requesting = Requesting(database, engine, clock, providers, settling, links)
    refunding = Refunding(database, engine, clock, providers, reversals, reversing)
    inbox = Inbox(database, engine, clock, providers, settling, reversing)
    reconciling = Reconciling(database, clock, providers, settling, reversing, surplus)
    fulfillment = assemble(
        settings, database, engine, clock, products, workshop, obligations,
        DeliveryTelling(mailer, links, products), deadline,
    )  # fmt: skip
    for part in (mailer, requesting, refunding, inbox):
        part.register(engine)
    drafts = Drafts(database, clock, products, workshop, settings)
    quotes = Quotes(signer, clock, timedelta(minutes=settings.quote_minutes))
    ordering = Ordering(
        database, clock, settings, objects, products, drafts, quotes, requesting, providers,
        OpenOrders(database, providers, settling),
    )  # fmt: skip
    payment_sweep = PaymentSweep(
        database, engine, clock, providers, requesting, settling, inbox, refunding, obligations,
        money_telling, settings.sweep_seconds, settings.retry_seconds,
    )  # fmt: skip
    housekeeping = Housekeeping(database, clock, drafts)
    grace = timedelta(hours=settings.unheld_hours)
    retention = Retention(database, objects, clock, grace, keeping.rules(settings))
    orphans = Orphans(database, objects, clock, timedelta(hours=settings.orphan_hours))
    alerts = Alerts(database, clock, settings, _conditions(settings, database, objects, products, providers, engine))
    accounts = Accounts(database, mailer, clock, settings, signer)
    services = Services(
        settings=settings, clock=clock, signer=signer, database=database, engine=engine, objects=objects,
        products=products, workshop=workshop, uploads=Uploads(objects, workshop.scratch, settings), links=links,
        mailer=mailer,
        accounts=accounts, operators=Operators(database, clock, settings),
        operator_sign_in=OperatorSignIn(database, clock, settings, signer),
        limits=Limits(clock, signer), drafts=drafts, ordering=ordering, jobs=fulfillment.jobs,
        obligations=obligations, settling=settling, inbox=inbox, refunding=refunding,
        reconciling=reconciling, surplus=surplus,
        downloads=Downloads(database, objects, clock),
        operating=fulfillment.operating, alerts=alerts, retention=retention, orphans=orphans,
        doctor=Doctor([
            *examinations(settings, database, products, providers, objects, engine, clock), EngineAnswers(engine),
        ]),
    )  # fmt: skip
    every = settings.sweep_seconds
    work_is_kept = timedelta(days=settings.engine_days)
    periodics = [
        Periodic("payments", every, *payment_sweep.parts),
        Periodic("reconciliation", settings.reconcile_seconds, reconciling.run),
        Periodic("fulfillment", every, *fulfillment.sweeps),
        Periodic("commitments", min(every, settings.probe_seconds), *fulfillment.commitment_sweeps),
        Periodic("mails", every, mailer.sweep),
        Periodic("housekeeping", settings.housekeeping_seconds, *housekeeping.parts),
        Periodic("retention", settings.retention_seconds, retention.run),
        Periodic("ended work", settings.housekeeping_seconds, lambda: engine.forget_ended(clock.now() - work_is_kept)),
        Periodic("orphans", settings.orphan_seconds, orphans.run),
        Periodic("accounts", 600, accounts.forget_expired, services.operator_sign_in.forget_expired),
    ]
    sweeps = (*payment_sweep.parts, *fulfillment.sweeps, *fulfillment.commitment_sweeps, mailer.sweep)
    looks = (clock.look,) if isinstance(clock, SharedClock) else ()
    watch = Periodic("watch", settings.alert_seconds, *looks, alerts.run)
    return Running(services, sweeps, periodics, watch, isolated, sandbox, works=settings.work)


def _conditions(
    settings: Settings, database: Database, objects: ObjectStore, products: Products,
    providers: Collection[str], engine: Engine,
) -> list[Condition]:  # fmt: skip
    # On SQLite the one process that works is the one that would tell.
    silent = [] if database.is_sqlite else [WorkerSilent(engine.workers, settings.lease_seconds)]
    return all_conditions(settings, database, objects, products, providers, *silent)


def create_app(running: Running) -> FastAPI:
    """The web application of a shop; its lifespan starts and stops what runs beside it."""
    services = running.services

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        await to_thread.run_sync(running.start)
        yield
        await to_thread.run_sync(running.stop)

    app = FastAPI(title="Makegood", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.services = services
    app.include_router(api.router())
    pages.install(app)
    console.install(app)
    if running.sandbox:
        app.mount("/sandbox", running.sandbox.app)
    targets = [services.settings.sandbox_url] if services.settings.sandbox_url else []
    app.add_middleware(
        Security, form_targets=targets, exempt=("/sandbox/", "/sandbox"), uploads=(console.UPLOADS,),
        reject=failing.reject_cross_site,
    )  # fmt: skip
    failing.install(app, _error_page)
    return app


def _error_page(request: Request, error: MakegoodError) -> Response:
    of_console = console.error_page(request, error) if request.url.path.startswith("/console") else None
    return of_console or pages.error_page(request, error)

"""The parts of a shop that a look at it needs, put together from the settings even where the shop could not start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from makegood.app import bring_to_this_release, examinations, object_store, payment_providers
from makegood.catalog.products import Products
from makegood.cli.proving import reachable_providers
from makegood.engine import Engine
from makegood.kernel import schema
from makegood.kernel.database import Database
from makegood.kernel.settings import Settings
from makegood.kernel.shared_clock import clock_of
from makegood.payments.provider import PaymentProvider
from makegood.proof.doctor import Doctor
from makegood.storage.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class Parts:
    """What can be looked at."""

    settings: Settings
    database: Database
    products: Products
    providers: dict[str, PaymentProvider]
    objects: ObjectStore
    engine: Engine
    doctor: Doctor


@contextmanager
def parts(settings: Settings) -> Iterator[Parts]:
    """The parts, beside a running shop or without one. An empty home is prepared; a database that holds anything is
    left exactly as it is. Raises only what keeps the home itself from being used."""
    settings.home.mkdir(parents=True, exist_ok=True)
    products, database = Products.installed(), Database(settings.database)
    clock = clock_of(settings, database)
    bring_to_this_release(database, products, migrate=_is_new(database))
    engine = Engine(
        database, workers=settings.workers, poll_seconds=settings.poll_seconds, lease_seconds=settings.lease_seconds
    )
    objects = object_store(settings, database)
    with reachable_providers(settings) as reachable:
        providers = payment_providers(reachable, clock)
        doctor = Doctor(examinations(settings, database, products, providers, objects, engine, clock))
        yield Parts(settings, database, products, providers, objects, engine, doctor)
    database.close()


def _is_new(database: Database) -> bool:
    try:
        return schema.is_empty(database)
    except SQLAlchemyError:
        # It does not answer; the examination of the database says so.
        return False

"""Downloads: a grant opens its artefacts, again and again, until it is revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.fulfillment.models import ArtefactRow, Download, Grant, GrantLink
from makegood.fulfillment.units import UnitErased
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError, NotFound, Rejected
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation, Order
from makegood.orders.states import Money
from makegood.storage import assets
from makegood.storage.objects import ObjectDamaged, ObjectMissing, ObjectStore
from makegood.storage.orphans import note_missing

LONGEST_AGENT = 120


class DownloadUnknown(NotFound):
    code = "DOWNLOAD_UNKNOWN"
    customer = "This download link is not right. Please open it from your order page or your mail."
    operator = "No grant with this token, or it has no artefact {name}."


class DownloadRevoked(Rejected):
    code = "DOWNLOAD_REVOKED"
    status = 410
    customer = "This download has ended because its money was given back."
    operator = "The grant was revoked or its money is not ours."


class DownloadExpired(Rejected):
    code = "DOWNLOAD_EXPIRED"
    status = 410
    customer = "This download has ended: its files were kept for as long as was promised."
    operator = "The grant expired at {expired}."


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Who fetches, as far as is decent to keep: a keyed hash of the network address, what the program calls itself, and
    how the caller is known (`session`, `api_key`, or only by the `link`)."""

    origin: str
    agent: str
    via: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A file that may be handed to the customer now."""

    path: Path
    media_type: str
    file_name: str
    sha256: str


class Downloads:
    """What customers fetch. A failed or partial download uses nothing up."""

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock) -> None:
        self._database, self._objects, self._clock = database, objects, clock

    def open(self, token: str, name: str, by: Fetcher) -> Delivered:
        """The artefact, its access logged; or `DownloadUnknown`, `DownloadRevoked`, `UnitErased`, `DownloadExpired`."""
        with self._database.write() as session:
            grant, revoked_at = self._opened(session, token, name)
            row = session.scalar(
                sa.select(ArtefactRow).where(
                    ArtefactRow.obligation_id == grant.obligation_id,
                    ArtefactRow.attempt == grant.attempt,
                    ArtefactRow.name == name,
                )
            )
            if row is None:
                raise DownloadUnknown(name=name)
            obligation = session.get_one(Obligation, grant.obligation_id)
            if obligation.money not in (Money.KEPT, Money.DISPUTED):
                raise DownloadRevoked
            if revoked_at is not None:
                raise _taken_away(session, obligation.order_id)
            if grant.expires_at is not None and grant.expires_at <= self._clock.now():
                raise DownloadExpired(expired=grant.expires_at.isoformat())
            asset = assets.get(session, row.asset_id)
            session.add(
                Download(
                    id=new_id(), grant_id=grant.id, name=name, at=self._clock.now(), origin=by.origin,
                    agent=by.agent[:LONGEST_AGENT], via=by.via,
                )
            )  # fmt: skip
        try:
            path = self._objects.path(asset.key, asset.size)
        except (ObjectMissing, ObjectDamaged):
            # Whoever comes first tells the sweep that this has to be rebuilt.
            note_missing(self._database, self._clock, asset.id)
            raise
        return Delivered(path, asset.media_type, asset.file_name, asset.sha256)

    def _opened(self, session: Session, token: str, name: str) -> tuple[Grant, datetime | None]:
        """The grant that the link opens, and when that link was revoked, if it was."""
        grant = session.scalar(sa.select(Grant).where(Grant.token == token))
        if grant is not None:
            return grant, grant.revoked_at
        earlier = session.scalar(sa.select(GrantLink).where(GrantLink.token == token))
        if earlier is None:
            raise DownloadUnknown(name=name)
        return session.get_one(Grant, earlier.grant_id), earlier.revoked_at


def _taken_away(session: Session, order_id: str) -> MakegoodError:
    """Why a link was revoked though its money is ours."""
    number, erased_at = session.execute(sa.select(Order.number, Order.erased_at).where(Order.id == order_id)).one()
    return UnitErased(number=number, at=erased_at.isoformat()) if erased_at is not None else DownloadRevoked()


def downloads_of(session: Session, order_id: str) -> list[tuple[Download, str]]:
    """Who fetched what of an order and when, oldest first, each with the obligation that it is of."""
    query = (
        sa.select(Download, Grant.obligation_id)
        .join(Grant, Grant.id == Download.grant_id)
        .join(Obligation, Obligation.id == Grant.obligation_id)
        .where(Obligation.order_id == order_id)
        .order_by(Download.at, Download.id)
    )
    return list(session.execute(query))

"""Downloads: a grant opens its artefacts, again and again, until it is revoked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from makegood.fulfillment.models import ArtefactRow, Download, Grant
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import NotFound, Rejected
from makegood.kernel.ids import new_id
from makegood.orders.models import Obligation
from makegood.orders.states import Money
from makegood.storage import assets
from makegood.storage.objects import ObjectStore


class DownloadUnknown(NotFound):
    code = "DOWNLOAD_UNKNOWN"
    customer = "This download link is not right. Please open it from your order page or your mail."
    operator = "No grant with this token, or it has no artefact {name}."


class DownloadRevoked(Rejected):
    code = "DOWNLOAD_REVOKED"
    status = 410
    customer = "This download has ended because its money was given back."
    operator = "The grant was revoked or has expired."


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

    def open(self, token: str, name: str) -> Delivered:
        """The artefact, its access logged; or `DownloadUnknown`, `DownloadRevoked`."""
        with self._database.write() as session:
            grant = session.scalar(sa.select(Grant).where(Grant.token == token))
            if grant is None:
                raise DownloadUnknown(name=name)
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
            expired = grant.expires_at is not None and grant.expires_at <= self._clock.now()
            if expired or grant.revoked_at is not None or obligation.money not in (Money.KEPT, Money.DISPUTED):
                raise DownloadRevoked
            asset = assets.get(session, row.asset_id)
            session.add(Download(id=new_id(), grant_id=grant.id, name=name, at=self._clock.now()))
        return Delivered(self._objects.path(asset.key), asset.media_type, asset.file_name, asset.sha256)

"""Looking both ways: objects that no row knows of, and rows whose object is not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from makegood.kernel.clock import Clock, SystemClock
from makegood.kernel.database import Database
from makegood.kernel.ids import new_id
from makegood.storage.assets import Asset, Hold
from makegood.storage.objects import ObjectDamaged, ObjectMissing, ObjectStore, StoredObject

AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Found:
    """Keys of objects that were taken in because no row knew of them, ids of held assets without an object, and what
    was left of writes that were killed and is gone now."""

    orphans: tuple[str, ...]
    missing: tuple[str, ...]
    unfinished: tuple[str, ...]


class Orphans:
    """An object without a row gets one, without a hold: from then on retention reports it and deletes it, and whoever
    stores the same bytes under the same key meanwhile takes it over instead of losing it."""

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock, age: timedelta) -> None:
        self._database, self._objects, self._clock, self._age = database, objects, clock, age

    def run(self) -> Found:
        """Look through the whole store and all rows, once."""
        # The store tells the time by its own clock, which business time, moved or not, says nothing about.
        before = SystemClock().now() - self._age
        unfinished = self._objects.clear_unfinished(before)
        return Found(tuple(self._orphans(before)), tuple(self._missing()), tuple(unfinished))

    def _orphans(self, before: datetime) -> list[str]:
        taken_in = []
        for batch in self._objects.batches():
            old = {stored.key: stored for stored in batch if stored.written_at < before}
            with self._database.read() as session:
                known = set(session.scalars(sa.select(Asset.key).where(Asset.key.in_(old))))
            taken_in += [key for key, stored in old.items() if key not in known and self._take_in(stored)]
        return taken_in

    def _take_in(self, stored: StoredObject) -> bool:
        now = self._clock.now()
        sha256 = stored.key.rpartition("/")[2]
        try:
            with self._database.write() as session:
                session.add(
                    Asset(
                        id=new_id(), key=stored.key, sha256=sha256, size=stored.size, file_name=sha256[:12],
                        media_type="application/octet-stream", created_at=now, orphan_since=now,
                    )
                )  # fmt: skip
        except IntegrityError:
            # Its row came at this very moment: it is no orphan.
            return False
        return True

    def _missing(self) -> list[str]:
        """Mark held assets whose object is not there, and take the mark off those that are back."""
        missing: list[str] = []
        last = ""
        while True:
            held = sa.exists().where(Hold.asset_id == Asset.id)
            query = sa.select(Asset).where(held, Asset.deleting_at.is_(None), Asset.id > last)
            with self._database.read() as session:
                some = list(session.scalars(query.order_by(Asset.id).limit(AT_A_TIME)))
            if not some:
                return missing
            for asset in some:
                gone = not self._is_there(asset)
                missing += [asset.id] if gone else []
                if gone != (asset.missing_since is not None):
                    note_missing(self._database, self._clock, asset.id, gone=gone)
            last = some[-1].id

    def _is_there(self, asset: Asset) -> bool:
        try:
            self._objects.path(asset.key, asset.size)
        except (ObjectMissing, ObjectDamaged):
            return False
        return True


def note_missing(database: Database, clock: Clock, asset_id: str, *, gone: bool = True) -> None:
    """Note that an asset's object is not where it should be, or that it is again."""
    with database.write() as session:
        session.execute(
            sa.update(Asset).where(Asset.id == asset_id, Asset.missing_since.is_(None) if gone else sa.true())
            .values(missing_since=clock.now() if gone else None)
        )  # fmt: skip

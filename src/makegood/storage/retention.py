"""Deleting what nobody needs: only assets without a hold, by compare-and-set, and only after a while."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from makegood.kernel import faults
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.storage.assets import Asset, Hold
from makegood.storage.objects import ObjectStore


def delete_unheld(database: Database, objects: ObjectStore, clock: Clock, grace: timedelta, limit: int = 200) -> int:
    """Delete up to `limit` assets that nothing holds and that are older than `grace`; returns how many are gone.
    Safe at any moment: the mark is a compare-and-set at zero holds, and nobody can take a hold on a marked asset."""
    unheld = ~sa.exists().where(Hold.asset_id == Asset.id)
    with database.read() as session:
        found = list(
            session.scalars(
                sa.select(Asset.id)
                .where(
                    Asset.deleted_at.is_(None),
                    sa.or_(Asset.deleting_at.is_not(None), unheld & (Asset.created_at < clock.now() - grace)),
                )
                .limit(limit)
            )
        )
    deleted = 0
    for asset_id in found:
        with database.write() as session:
            session.execute(
                sa.update(Asset).where(Asset.id == asset_id, unheld, Asset.deleting_at.is_(None))
                .values(deleting_at=clock.now())
            )  # fmt: skip
            key = session.scalar(sa.select(Asset.key).where(Asset.id == asset_id, Asset.deleting_at.is_not(None)))
        if key is None:
            continue
        faults.reach("retention:marked")
        objects.delete(key)
        with database.write() as session:
            session.execute(sa.update(Asset).where(Asset.id == asset_id).values(deleted_at=clock.now()))
        deleted += 1
    return deleted

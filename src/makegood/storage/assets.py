"""Assets and holds: who gave or made which object, and who still needs it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from makegood.kernel.clock import Clock
from makegood.kernel.database import Base
from makegood.kernel.errors import NotFound
from makegood.kernel.ids import new_id

ERASED = "erased"
"""Stands where a person's own words were."""


class HoldKind(StrEnum):
    """What can need an asset."""

    DRAFT = "draft"
    ORDER = "order"
    DELIVERY = "delivery"
    COMMITMENT = "commitment"


class AssetGone(NotFound):
    code = "FILE_GONE"
    status = 410
    customer = "A file of yours is no longer here. Please upload it again; nothing was charged."
    operator = "The asset {asset} is absent or being deleted, so no hold can be taken on it."


class Asset(Base):
    """One stored object: immutable, written once, never moved."""

    __tablename__ = "asset"

    id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(sa.BigInteger)
    media_type: Mapped[str]
    file_name: Mapped[str]
    created_at: Mapped[datetime]
    deleting_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    """The row stays, so that an order's story can still name what it was made from."""
    delete_error: Mapped[str | None]
    """Why the last try to delete the object failed."""
    orphan_since: Mapped[datetime | None]
    """When the object was found without a row and taken in, to be deleted after that was reported."""
    missing_since: Mapped[datetime | None]
    """When the object was first not found though it is needed."""

    __table_args__ = (sa.CheckConstraint("size >= 0", "size"),)


class Hold(Base):
    """A reason to keep an asset: what needs it (`kind`, `holder`), and until when, if that is known."""

    __tablename__ = "hold"

    id: Mapped[str] = mapped_column(primary_key=True)
    asset_id: Mapped[str] = mapped_column(sa.ForeignKey("asset.id"), index=True)
    kind: Mapped[str]
    holder: Mapped[str] = mapped_column(index=True)
    taken_at: Mapped[datetime]
    until: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("asset_id", "kind", "holder"),
        sa.CheckConstraint(f"kind IN ({', '.join(repr(str(k)) for k in HoldKind)})", "kind"),
    )


def add(
    session: Session, clock: Clock, *, asset_id: str, key: str, sha256: str, size: int, media_type: str, file_name: str,
    kind: HoldKind, holder: str,
) -> str:  # fmt: skip
    """Add the row of an object that is already durable, and `holder`'s hold on it; returns the asset's id. The same key
    again returns the asset that has it. Whoever stores under a key that may have been there before makes sure after
    this call, in its transaction, that the object is there: until then a deletion may have been under way."""
    known = session.scalar(sa.select(Asset).where(Asset.key == key).with_for_update())
    if known:
        if known.deleting_at is not None and known.deleted_at is None:
            raise AssetGone(asset=known.id)
        if known.deleted_at is not None or known.orphan_since is not None:
            known.deleting_at = known.deleted_at = known.orphan_since = known.missing_since = None
            known.size, known.media_type, known.file_name = size, media_type, file_name
            known.created_at = clock.now()
            session.flush()
        hold(session, clock, [known.id], kind, holder)
        return known.id
    session.add(
        Asset(
            id=asset_id, key=key, sha256=sha256, size=size, media_type=media_type, file_name=file_name,
            created_at=clock.now(), deleting_at=None,
        )
    )  # fmt: skip
    session.flush()
    # Nobody else sees the asset before this commits, so there is nothing to be locked or looked for.
    _take_hold(session, clock, asset_id, kind, holder)
    session.flush()
    return asset_id


def get(session: Session, asset_id: str) -> Asset:
    """The asset, or `AssetGone`."""
    asset = session.get(Asset, asset_id)
    if asset is None or asset.deleting_at is not None:
        raise AssetGone(asset=asset_id)
    return asset


def hold(
    session: Session, clock: Clock, asset_ids: Iterable[str], kind: HoldKind, holder: str, until: datetime | None = None
) -> None:
    """Take holds in the caller's transaction, which also reads the assets; an absent one raises `AssetGone`."""
    for asset_id in sorted(asset_ids):
        # Shared with other holders, but not with whoever marks the asset for deletion: one waits for the other.
        locked = sa.select(Asset.deleting_at).where(Asset.id == asset_id).with_for_update(read=True)
        found = session.execute(locked).one_or_none()
        if found is None or found.deleting_at is not None:
            raise AssetGone(asset=asset_id)
        taken = session.scalar(
            sa.select(Hold).where(Hold.asset_id == asset_id, Hold.kind == kind, Hold.holder == holder)
        )
        if taken is None:
            _take_hold(session, clock, asset_id, kind, holder, until)
    session.flush()


def _take_hold(
    session: Session, clock: Clock, asset_id: str, kind: HoldKind, holder: str, until: datetime | None = None
) -> None:
    session.add(Hold(id=new_id(), asset_id=asset_id, kind=kind, holder=holder, taken_at=clock.now(), until=until))


def held_by(session: Session, kind: HoldKind, holder: str) -> list[str]:
    """The ids of the assets that `holder` holds."""
    return list(session.scalars(sa.select(Hold.asset_id).where(Hold.kind == kind, Hold.holder == holder)))


def release(session: Session, kind: HoldKind, holder: str, asset_id: str | None = None) -> None:
    """Give up `holder`'s holds: all, or the one on `asset_id`."""
    statement = sa.delete(Hold).where(Hold.kind == kind, Hold.holder == holder)
    if asset_id is not None:
        statement = statement.where(Hold.asset_id == asset_id)
    session.execute(statement)


def forget_names(session: Session, asset_ids: Iterable[str]) -> set[str]:
    """Those that nothing holds any more; what their owner called them goes at once, before they do."""
    given = set(asset_ids)
    free = given - set(session.scalars(sa.select(Hold.asset_id).where(Hold.asset_id.in_(given))))
    session.execute(sa.update(Asset).where(Asset.id.in_(free)).values(file_name=ERASED))
    return free

"""Tables of what was made and of the customer's right to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from makegood.kernel.database import Base
from makegood.orders.models import Obligation
from makegood.storage.assets import Asset


class ArtefactRow(Base):
    """One verified artefact of an obligation. The present set is that of the highest attempt."""

    __tablename__ = "artefact"

    id: Mapped[str] = mapped_column(primary_key=True)
    obligation_id: Mapped[str] = mapped_column(sa.ForeignKey(Obligation.id), index=True)
    attempt: Mapped[int]
    name: Mapped[str]
    asset_id: Mapped[str] = mapped_column(sa.ForeignKey(Asset.id))
    facts: Mapped[dict[str, Any]]
    verified_at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("obligation_id", "attempt", "name"),)


class Grant(Base):
    """The customer's right to an obligation's artefacts, by an unguessable link."""

    __tablename__ = "grant"

    id: Mapped[str] = mapped_column(primary_key=True)
    obligation_id: Mapped[str] = mapped_column(sa.ForeignKey(Obligation.id), unique=True)
    attempt: Mapped[int]
    token: Mapped[str] = mapped_column(unique=True)
    granted_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class GrantLink(Base):
    """An earlier link of a grant. It opens what the grant opens until it is revoked itself."""

    __tablename__ = "grant_link"

    id: Mapped[str] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(sa.ForeignKey("grant.id"), index=True)
    token: Mapped[str] = mapped_column(unique=True)
    granted_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Redelivery(Base):
    """A delivery made good again: its artefacts looked at, what is lost rebuilt, and the customer told, if `tell`."""

    __tablename__ = "redelivery"

    id: Mapped[str] = mapped_column(primary_key=True)
    obligation_id: Mapped[str] = mapped_column(sa.ForeignKey(Obligation.id), index=True)
    open_for: Mapped[str | None] = mapped_column(unique=True)
    """The obligation while it is under way, so that an obligation has at most one at a time."""
    by: Mapped[str]
    reason: Mapped[str]
    tell: Mapped[bool]
    tries: Mapped[int]
    problem: Mapped[str | None]
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]


class Download(Base):
    """The access log of grants. It only counts; nothing is used up. `origin` is a keyed hash of the network address,
    `agent` what the program calls itself, `via` how the caller was known: `session`, `api_key` or only the `link`."""

    __tablename__ = "download"

    id: Mapped[str] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(sa.ForeignKey("grant.id"), index=True)
    name: Mapped[str]
    at: Mapped[datetime]
    origin: Mapped[str | None]
    agent: Mapped[str | None]
    via: Mapped[str | None]


class Commitment(Base):
    """What stays owed after delivery until a date."""

    __tablename__ = "commitment"

    id: Mapped[str] = mapped_column(primary_key=True)
    obligation_id: Mapped[str] = mapped_column(sa.ForeignKey(Obligation.id), index=True)
    kind: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("obligation_id", "kind"),)

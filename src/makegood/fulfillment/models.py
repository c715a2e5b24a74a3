"""Tables of what was made, of the customer's right to it, and of what stays owed after it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from makegood.fulfillment.states import CommitmentState, JobState
from makegood.kernel.database import Base
from makegood.orders.models import Obligation, Unit
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
    """One paid period in which something stays owed after delivery. `unit_id` is what is kept: for a renewal the unit
    that it renews, whose periods follow one another."""

    __tablename__ = "commitment"

    id: Mapped[str] = mapped_column(primary_key=True)
    obligation_id: Mapped[str] = mapped_column(sa.ForeignKey(Obligation.id), index=True)
    unit_id: Mapped[str] = mapped_column(sa.ForeignKey(Unit.id), index=True)
    kind: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]
    state: Mapped[str]
    ended_at: Mapped[datetime | None]
    next_probe_at: Mapped[datetime] = mapped_column(index=True)
    probed_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    failing_seconds: Mapped[float] = mapped_column(default=0)
    problem: Mapped[str | None]
    restore_try: Mapped[int] = mapped_column(default=0)
    revoke_due: Mapped[bool] = mapped_column(default=False, index=True)

    __table_args__ = (
        sa.UniqueConstraint("obligation_id", "kind"),
        # Two renewals at once can't both follow the same period; one that was given back leaves its place.
        sa.Index(
            "uq_commitment_standing",
            "unit_id",
            "kind",
            "since",
            unique=True,
            sqlite_where=sa.text("state = 'standing'"),
            postgresql_where=sa.text("state = 'standing'"),
        ),
        sa.CheckConstraint(f"state IN ({', '.join(repr(str(s)) for s in CommitmentState)})", "state"),
        sa.CheckConstraint("(state = 'standing') = (ended_at IS NULL)", "ended_at"),
    )


class Outside(Base):
    """A reference under which an attempt may have something outside the shop; on disk before it is used there."""

    __tablename__ = "outside"

    id: Mapped[str] = mapped_column(primary_key=True)
    obligation_id: Mapped[str] = mapped_column(sa.ForeignKey(Obligation.id))
    attempt: Mapped[int]
    name: Mapped[str]
    reference: Mapped[str]
    recorded_at: Mapped[datetime]
    undone_at: Mapped[datetime | None] = mapped_column(index=True)
    undo_try: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None]
    problem: Mapped[str | None]

    __table_args__ = (sa.UniqueConstraint("obligation_id", "attempt", "name"),)


class Job(Base):
    """Durable work that is not owed yet: a draft's result, made before it is paid for. Its options and inputs are
    frozen, so that what it made can be made again after the draft is gone."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(primary_key=True)
    draft_id: Mapped[str] = mapped_column(index=True)
    version: Mapped[int]
    live_for: Mapped[str | None] = mapped_column(unique=True)
    """`{draft}:{version}` unless it failed or was cancelled: one version of a draft has one job that counts."""
    product_id: Mapped[str]
    options: Mapped[dict[str, Any]]
    inputs: Mapped[list[Any]]
    seed: Mapped[int] = mapped_column(sa.BigInteger)
    state: Mapped[str] = mapped_column(index=True)
    attempt: Mapped[int]
    done: Mapped[float]
    doing: Mapped[str]
    error_code: Mapped[str | None]
    error_text: Mapped[str | None]
    """For the customer, in a sentence."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    started_at: Mapped[datetime | None]
    try_until: Mapped[datetime | None]
    """When the present try has taken too long."""
    ended_at: Mapped[datetime | None]

    outputs: Mapped[list[JobOutput]] = relationship(lazy="selectin", order_by="JobOutput.position")

    __table_args__ = (
        sa.CheckConstraint(f"state IN ({', '.join(repr(str(s)) for s in JobState)})", "state"),
        sa.CheckConstraint("done BETWEEN 0 AND 1", "done"),
        sa.CheckConstraint("(state IN ('queued', 'processing')) = (ended_at IS NULL)", "ended_at"),
    )


class JobOutput(Base):
    """One artefact of a completed job."""

    __tablename__ = "job_output"

    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(sa.ForeignKey("job.id"))
    position: Mapped[int]
    name: Mapped[str]
    asset_id: Mapped[str] = mapped_column(sa.ForeignKey(Asset.id))
    facts: Mapped[dict[str, Any]]

    __table_args__ = (sa.UniqueConstraint("job_id", "name"),)

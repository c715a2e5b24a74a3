"""Visitors and customers, and the secrets that prove to be one. Secrets are kept only as hashes."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from makegood.kernel.database import Base


class Visitor(Base):
    """A browser that came by. Drafts and guest orders belong to it."""

    __tablename__ = "visitor"

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class Customer(Base):
    """A person with an e-mail address that they have proved to be theirs at `verified_at`."""

    __tablename__ = "customer"

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SignInLink(Base):
    """A mailed secret that signs in once, before `expires_at`."""

    __tablename__ = "sign_in_link"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str] = mapped_column(index=True)
    visitor_id: Mapped[str | None] = mapped_column(sa.ForeignKey("visitor.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class Session(Base):
    """One browser's visit. `opened_by`: how it came to be (`visit`, `link`, `password`)."""

    __tablename__ = "session"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    visitor_id: Mapped[str] = mapped_column(sa.ForeignKey("visitor.id"), index=True)
    customer_id: Mapped[str | None] = mapped_column(sa.ForeignKey("customer.id"), index=True)
    opened_by: Mapped[str]
    user_agent: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        sa.CheckConstraint("opened_by IN ('visit', 'link', 'password')", "opened_by"),
        sa.CheckConstraint("(opened_by = 'visit') = (customer_id IS NULL)", "customer"),
    )


class ApiKey(Base):
    """A customer's key for programs. `prefix` is its beginning, shown to recognise it."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(sa.ForeignKey("customer.id"), index=True)
    name: Mapped[str]
    prefix: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class RateEvent(Base):
    """Something that is counted: `subject` is a keyed hash of an e-mail or network address."""

    __tablename__ = "rate_event"

    id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    subject: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (sa.Index("ix_rate_event_window", "purpose", "subject", "at"),)


def token_hash(purpose: str, token: str) -> str:
    """What is kept of a secret. The purpose is part of it, so no secret opens what another kind opens. The secrets
    have 256 random bits, so a plain hash can't be guessed back."""
    return hashlib.sha256(f"{purpose}\0{token}".encode()).hexdigest()

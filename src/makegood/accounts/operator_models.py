"""Tables of operators: who may look into the console and act in it. Secrets are kept as hashes, or not at all."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from makegood.kernel.database import Base


class Role(StrEnum):
    """A viewer reads, an operator also acts, an owner also says who is an operator."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Whether somebody with this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Operator(Base):
    """Somebody who works in the shop. Signs in with a password and a second factor, once both are set (`ready_at`).

    `factor_seed` is not the second factor's secret: that is derived from it with the shop's own key, so that a copy
    of the database alone signs nobody in. `factor_step` is the last 30 s step whose code was used.
    """

    __tablename__ = "operator"

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str | None]
    factor_seed: Mapped[str | None]
    factor_step: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(f"role IN ({', '.join(repr(str(role)) for role in Role)})", "role"),
        sa.CheckConstraint("ready_at IS NULL OR (password_hash IS NOT NULL AND factor_seed IS NOT NULL)", "ready"),
    )


class OperatorLink(Base):
    """A secret that sets up an operator's password and second factor, once, before `expires_at`."""

    __tablename__ = "operator_link"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    operator_id: Mapped[str] = mapped_column(sa.ForeignKey("operator.id"), index=True)
    factor_seed: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """Stands in for the second factor, once."""

    __tablename__ = "operator_recovery_code"

    operator_id: Mapped[str] = mapped_column(sa.ForeignKey("operator.id"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(primary_key=True)
    used_at: Mapped[datetime | None]


class OperatorSession(Base):
    """One browser of an operator. It ends at `expires_at`, or after a while without use, or when it is ended."""

    __tablename__ = "operator_session"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    operator_id: Mapped[str] = mapped_column(sa.ForeignKey("operator.id"), index=True)
    user_agent: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]

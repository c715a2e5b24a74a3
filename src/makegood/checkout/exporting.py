"""Handing a person all that the shop knows of them: one JSON document, and their files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from makegood.accounts.emails import read_email
from makegood.accounts.models import ApiKey, Customer, SignInLink
from makegood.accounts.models import Session as Visit
from makegood.checkout.models import Draft
from makegood.fulfillment.downloads import downloads_of
from makegood.fulfillment.models import ArtefactRow, Commitment, Job, JobOutput, Outside
from makegood.kernel import audit
from makegood.kernel.audit import AuditEvent
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError, Rejected
from makegood.kernel.signing import Signer
from makegood.notify.models import Mail
from makegood.orders.models import Obligation, Order, Refund
from makegood.orders.reading import obligations_of, unit_with_line
from makegood.payments.models import Payment
from makegood.storage.assets import Asset
from makegood.storage.objects import ObjectStore

TOLD = ("reason", "text", "problem")
"""What events say in words, which may be about the person."""


class FolderNotEmpty(Rejected):
    code = "FOLDER_NOT_EMPTY"
    operator = "{folder} is not empty; name a new folder, so that nobody else's data are in it."


class Exporting:
    """Reads only, but for the note in the audit log, which does not say whose data they were."""

    def __init__(self, database: Database, objects: ObjectStore, clock: Clock, signer: Signer) -> None:
        self._database, self._objects, self._clock, self._signer = database, objects, clock, signer

    def export(self, email: str, out: Path) -> dict[str, Any]:
        """Write `out/data.json` and `out/files/`; returns what the JSON says. Files that the store lacks are named in
        it. Raises `FolderNotEmpty`, `EmailInvalid`."""
        address = read_email(email)
        if out.exists() and any(out.iterdir()):
            raise FolderNotEmpty(folder=out)
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._database.read() as session:
            data = self._all(session, address, out)
        (out / "data.json").write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
        with self._database.write() as session:
            subject = self._signer.token("privacy", address)
            audit.record(session, self._clock, "privacy.exported", subject, orders=len(data["orders"]))
        return data

    def _all(self, session: Session, email: str, out: Path) -> dict[str, Any]:
        customer = session.scalar(sa.select(Customer).where(Customer.email == email))
        mine = [Order.email == email] + ([Order.customer_id == customer.id] if customer else [])
        orders = session.scalars(sa.select(Order).where(sa.or_(*mine)).order_by(Order.created_at)).all()
        drafts = self._drafts(session, customer, [order.id for order in orders])
        mails = session.scalars(sa.select(Mail).where(Mail.to == email).order_by(Mail.created_at)).all()
        return {
            "email": email,
            "made_at": self._clock.now().isoformat(),
            "account": self._account(session, email, customer),
            "orders": [self._order(session, order, out / "files" / order.number) for order in orders],
            "drafts": [
                {
                    **_facts(draft, "product_id", "options", "created_at", "expires_at"),
                    "files": [self._file(session, f.asset_id, out / "files" / "drafts" / draft.id, f.slot)
                              for f in draft.files],
                    "jobs": [self._job(session, job, out / "files" / "drafts" / draft.id)
                             for job in session.scalars(sa.select(Job).where(Job.draft_id == draft.id))],
                }
                for draft in drafts if draft.version > 0
            ],
            "mails": [_facts(mail, "created_at", "subject", "text", "state", "accepted_at") for mail in mails],
        }  # fmt: skip

    def _drafts(self, session: Session, customer: Customer | None, orders: Sequence[str]) -> Sequence[Draft]:
        """Those of the account, and those that became these orders, which may be a guest's."""
        placed = session.scalars(
            sa.select(AuditEvent).where(AuditEvent.order_id.in_(orders), AuditEvent.event == "order.placed")
        )
        own = [Draft.customer_id == customer.id] if customer else []
        ordered = Draft.id.in_([str(event.data["draft"]) for event in placed])
        return session.scalars(sa.select(Draft).where(sa.or_(*own, ordered)).order_by(Draft.created_at)).all()

    def _job(self, session: Session, job: Job, folder: Path) -> dict[str, Any]:
        outputs = session.scalars(sa.select(JobOutput).where(JobOutput.job_id == job.id).order_by(JobOutput.position))
        return {
            **_facts(job, "version", "options", "state", "error_text", "created_at", "ended_at"),
            "files": [self._file(session, output.asset_id, folder, f"{job.version}-{output.name}")
                      for output in outputs],
        }  # fmt: skip

    def _account(self, session: Session, email: str, customer: Customer | None) -> dict[str, Any]:
        links = session.scalars(sa.select(SignInLink).where(SignInLink.email == email))
        account: dict[str, Any] = {"sign_in_links": [_facts(x, "created_at", "used_at") for x in links]}
        if customer is None:
            return {"exists": False, **account}
        visits = session.scalars(sa.select(Visit).where(Visit.customer_id == customer.id))
        keys = session.scalars(sa.select(ApiKey).where(ApiKey.customer_id == customer.id))
        return {
            "exists": True,
            **_facts(customer, "email", "created_at", "verified_at"),
            "has_password": customer.password_hash is not None,
            "sessions": [_facts(x, "user_agent", "created_at", "last_seen_at", "expires_at") for x in visits],
            "api_keys": [_facts(x, "name", "prefix", "created_at", "last_used_at", "revoked_at") for x in keys],
            **account,
        }

    def _order(self, session: Session, order: Order, folder: Path) -> dict[str, Any]:
        payments = session.scalars(sa.select(Payment).where(Payment.order_id == order.id)).all()
        refunds = session.scalars(sa.select(Refund).where(Refund.payment_id.in_([p.id for p in payments])))
        downloads = downloads_of(session, order.id)
        return {
            **_facts(order, "number", "email", "currency", "discount_minor", "tax_minor", "total_minor", "promotion",
                     "created_at", "paid_at", "closed_at", "erased_at"),
            "lines": [
                {
                    **_facts(line, "product_id", "description", "options", "price", "quantity", "amount_minor"),
                    "files": [
                        {"slot": f.slot, "facts": f.facts, **self._file(session, f.asset_id, folder / "given", f.slot)}
                        for f in line.inputs
                    ],
                }
                for line in order.lines
            ],
            "units": [self._unit(session, owed, folder) for owed in obligations_of(session, order.id)],
            "payments": [_facts(p, "provider", "state", "amount_minor", "currency", "created_at", "paid_at", "details")
                         for p in payments],
            "refunds": [_facts(r, "amount_minor", "currency", "reason", "state", "created_at", "settled_at")
                        for r in refunds],
            "downloads": [_facts(d, "name", "at", "origin", "agent", "via") for d, _ in downloads],
            "events": [{**_facts(e, "at", "event"), **{name: e.data[name] for name in TOLD if name in e.data}}
                       for e in audit.of_order(session, order.id)],
        }  # fmt: skip

    def _unit(self, session: Session, owed: Obligation, folder: Path) -> dict[str, Any]:
        unit, _, _ = unit_with_line(session, owed.unit_id)
        rows = session.scalars(sa.select(ArtefactRow).where(ArtefactRow.obligation_id == owed.id)).all()
        newest = max((row.attempt for row in rows), default=0)
        terms = session.scalars(sa.select(Commitment).where(Commitment.obligation_id == owed.id))
        outside = session.scalars(sa.select(Outside).where(Outside.obligation_id == owed.id))
        return {
            "unit": unit.unit_no,
            "codes": {code.purpose: code.code for code in unit.codes},
            **_facts(owed, "delivery", "money", "allocated_minor", "returned_minor", "delivered_at", "reason"),
            "terms": [_facts(term, "kind", "since", "until", "state", "ended_at", "problem") for term in terms],
            "elsewhere": [_facts(one, "name", "reference", "recorded_at", "undone_at") for one in outside],
            "files": [
                self._file(session, row.asset_id, folder / "made", f"{unit.unit_no}-{row.name}")
                for row in rows if row.attempt == newest
            ],
        }  # fmt: skip

    def _file(self, session: Session, asset_id: str, folder: Path, name: str) -> dict[str, Any]:
        """Copy the asset's object, if the store has it, and say which file it became."""
        asset = session.get_one(Asset, asset_id)
        known = _facts(asset, "file_name", "media_type", "size", "sha256", "created_at", "deleted_at")
        if asset.deleted_at is not None:
            return {**known, "copied_to": None}
        try:
            source = self._objects.verify(asset.key, asset.sha256, asset.size)
        except MakegoodError as error:
            return {**known, "copied_to": None, "problem": error.code}
        # What a customer called a file must not decide where it is written.
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{name}-{asset.file_name}").lstrip(".")[-120:]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / plain)
        return {**known, "copied_to": str((folder / plain).relative_to(folder.parents[2]))}


def _facts(row: object, *names: str) -> dict[str, Any]:
    values: Iterable[tuple[str, Any]] = ((name, getattr(row, name)) for name in names)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values}

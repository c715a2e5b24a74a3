"""Drafts: options, uploads, preview, quote. Each change is a new version; nothing that was uploaded is moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from makegood.accounts.callers import Caller, owns
from makegood.catalog.products import Products
from makegood.checkout.errors import DraftExpired, DraftIncomplete, DraftNotFound, NoJob, OptionInvalid, SlotUnknown
from makegood.checkout.models import Draft, DraftFile
from makegood.fulfillment.contexts import Workshop
from makegood.fulfillment.generated import outputs_of
from makegood.fulfillment.jobs import Jobs, drop_jobs, empty_jobs, finished_job, job_of, queue_position
from makegood.fulfillment.models import Job
from makegood.fulfillment.units import asset_file, stored_file
from makegood.kernel import faults
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError
from makegood.kernel.ids import new_id
from makegood.kernel.settings import Settings
from makegood.product_api import DraftView, FileSlot, Inspection, Preview, Product
from makegood.storage import assets
from makegood.storage.assets import HoldKind
from makegood.storage.objects import digest

MOST_VERDICTS = 4096


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a product says of a draft: what stands against selling it, and what its customer should know."""

    problem: MakegoodError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """One object that is durable and waits for its row."""

    asset_id: str
    key: str
    sha256: str
    size: int
    media_type: str
    file_name: str


class Drafts:
    """What a visitor is working on."""

    def __init__(
        self, database: Database, clock: Clock, products: Products, workshop: Workshop, settings: Settings
    ) -> None:
        self._database, self._clock, self._products, self._workshop = database, clock, products, workshop
        self._lasts, self._floor_mb = timedelta(hours=settings.draft_hours), settings.disk_floor_mb
        self._verdicts: dict[tuple[str, int], Verdict] = {}

    def start(self, caller: Caller, product_id: str, options: Mapping[str, Any]) -> Draft:
        """A new draft of a product that is on sale."""
        product = self._products.on_sale(product_id)
        now = self._clock.now()
        draft = Draft(
            id=new_id(), product_id=product_id, visitor_id=caller.visitor_id, customer_id=caller.customer_id, version=1,
            options=read_options(product, options), created_at=now, expires_at=now + self._lasts, files=[],
        )  # fmt: skip
        with self._database.write() as session:
            session.add(draft)
        return draft

    def get(self, caller: Caller, draft_id: str) -> Draft:
        """The caller's draft; an expired or somebody else's is refused."""
        with self._database.read() as session:
            return self._own(session, caller, draft_id)

    def locked(self, session: Session, caller: Caller, draft_id: str) -> Draft:
        """The caller's draft with its row locked: nobody else changes it before the session's transaction ends."""
        return self._own(session, caller, draft_id, locks=True)

    def change(self, caller: Caller, draft_id: str, options: Mapping[str, Any]) -> Draft:
        """Change some options; all of them together are validated."""
        with self._database.write() as session:
            draft = self.locked(session, caller, draft_id)
            product = self._products.working(draft.product_id)
            draft.options = read_options(product, {**draft.options, **options})
            self._touch(draft)
        return draft

    def slot(self, draft: Draft, name: str) -> FileSlot:
        """The product's slot of that name, or `SlotUnknown`."""
        for slot in self._products.working(draft.product_id).files:
            if slot.name == name:
                return slot
        raise SlotUnknown(product=draft.product_id, slot=name)

    def put_file(self, caller: Caller, draft_id: str, slot: str, upload: Path, file_name: str) -> Draft:
        """Inspect an upload and take it into its slot: object first, then row and hold, then the old one let go."""
        draft = self.get(caller, draft_id)
        self._workshop.objects.require_free(self._floor_mb, upload.stat().st_size)
        product = self._products.working(draft.product_id)
        with self._workshop.work() as work:
            inspection = product.inspect(work, slot, upload, file_name)
            stored = self._store(upload, inspection.media_type, file_name)
            derived = {name: self._store_bytes(work.scratch, inspection, name) for name in inspection.derived}
        faults.reach("upload:stored")
        with self._database.write() as session:
            draft = self.locked(session, caller, draft_id)
            before = [file for file in draft.files if file.slot == slot]
            for file in before:
                draft.files.remove(file)
            session.flush()
            rows = {name: self._add(session, draft_id, one) for name, one in derived.items()}
            asset_id = self._add(session, draft_id, stored)
            draft.files.append(
                DraftFile(
                    id=new_id(), draft_id=draft_id, slot=slot, asset_id=asset_id, facts=dict(inspection.facts),
                    warnings=list(inspection.warnings), derived=rows,
                )
            )  # fmt: skip
            self._touch(draft)
            for file in before:
                self._let_go(session, draft_id, file, keep={asset_id, *rows.values()})
        return draft

    def remove_file(self, caller: Caller, draft_id: str, slot: str) -> Draft:
        """Empty a slot."""
        with self._database.write() as session:
            draft = self.locked(session, caller, draft_id)
            self.slot(draft, slot)
            for file in [file for file in draft.files if file.slot == slot]:
                draft.files.remove(file)
                self._let_go(session, draft_id, file, keep=set())
                self._touch(draft)
        return draft

    @contextmanager
    def view(self, caller: Caller, draft_id: str) -> Iterator[DraftView]:
        """The draft as its product reads it."""
        with self._database.read() as session:
            draft = self._own(session, caller, draft_id)
            yield self.as_view(session, draft)

    def as_view(self, session: Session, draft: Draft) -> DraftView:
        """The draft as its product reads it, within the caller's transaction."""
        product = self._products.working(draft.product_id)
        objects = self._workshop.objects
        files = {
            file.slot: asset_file(session, objects, file.asset_id, dict(file.facts), dict(file.derived))
            for file in draft.files
        }
        job = finished_job(session, draft.id, draft.version) if product.job else None
        generated = {
            artefact.name: stored_file(objects, artefact)
            for artefact, stands in (outputs_of(session, job) if job else ())
            if stands
        }
        return DraftView(draft.id, draft.version, product.options.model_validate(draft.options), files, generated)

    def start_job(self, caller: Caller, draft_id: str, jobs: Jobs) -> Job:
        """Have the draft's result made, before it is paid for. The same version again is the same job."""
        draft, product = self.checked(caller, draft_id)
        if product.job is None:
            raise NoJob(product=draft.product_id)
        self._workshop.objects.require_free(self._floor_mb)
        with self._database.write() as session:
            draft = self.locked(session, caller, draft_id)
            inputs = [
                {"slot": f.slot, "asset_id": f.asset_id, "facts": dict(f.facts), "derived": dict(f.derived)}
                for f in draft.files
            ]
            return jobs.start(session, draft.id, draft.version, draft.product_id, dict(draft.options), inputs)

    def job(self, caller: Caller, draft_id: str) -> tuple[Draft, Job | None, int]:
        """The draft's newest job, if there is one, and its place in the queue."""
        with self._database.read() as session:
            draft = self._own(session, caller, draft_id)
            job = job_of(session, draft_id)
            return draft, job, queue_position(session, job) if job else 0

    def cancel_job(self, caller: Caller, draft_id: str, jobs: Jobs) -> None:
        """End the draft's job if it is still under way."""
        with self._database.write() as session:
            draft = self._own(session, caller, draft_id)
            job = job_of(session, draft.id)
            if job is not None:
                jobs.cancel(session, job.id)

    def missing(self, draft: Draft) -> list[FileSlot]:
        """The required slots that are empty."""
        given = {file.slot for file in draft.files}
        return [s for s in self._products.working(draft.product_id).files if s.required and s.name not in given]

    def problem(self, caller: Caller, draft_id: str) -> MakegoodError | None:
        """Why the draft can't be sold as it stands, if so; an incomplete one has no problem yet."""
        return self.verdict(caller, draft_id).problem

    def verdict(self, caller: Caller, draft_id: str) -> Verdict:
        """The product's word on the draft as it stands; on an incomplete one it has none."""
        draft = self.get(caller, draft_id)
        return Verdict() if self.missing(draft) else self._verdict(caller, draft)

    def checked(self, caller: Caller, draft_id: str) -> tuple[Draft, Product]:
        """The draft if all of it can be made as it stands; raises what stands against it."""
        draft = self.get(caller, draft_id)
        product = self._products.on_sale(draft.product_id)
        missing = self.missing(draft)
        if missing:
            raise DraftIncomplete(draft=draft_id, missing=", ".join(slot.label for slot in missing))
        problem = self._verdict(caller, draft).problem
        if problem:
            raise problem
        return draft, product

    def _verdict(self, caller: Caller, draft: Draft) -> Verdict:
        """The product's word on this version; what may heal is asked again each time."""
        if (draft.id, draft.version) in self._verdicts:
            return self._verdicts[draft.id, draft.version]
        try:
            with self._workshop.work() as work, self.view(caller, draft.id) as view:
                warnings = self._products.working(draft.product_id).check(work, view)
            verdict = Verdict(warnings=tuple(warnings or ()))
        except MakegoodError as error:
            verdict = Verdict(problem=error)
            if error.can_heal:
                return verdict
        if len(self._verdicts) >= MOST_VERDICTS:
            self._verdicts.clear()
        self._verdicts[draft.id, draft.version] = verdict
        return verdict

    def preview(self, caller: Caller, draft_id: str) -> Preview:
        """The product's preview of the draft."""
        draft, product = self.checked(caller, draft_id)
        with self._workshop.work() as work, self.view(caller, draft.id) as view:
            return product.preview(work, view)

    def expire(self, limit: int = 200) -> int:
        """Let go of drafts whose time is over; what an order holds stays. Returns how many ended."""
        with self._database.read() as session:
            query = sa.select(Draft.id).where(Draft.expires_at <= self._clock.now(), Draft.version > 0).limit(limit)
            over = list(session.scalars(query))
        for draft_id in over:
            with self._database.write() as session:
                draft = session.get_one(Draft, draft_id, populate_existing=True, with_for_update=True)
                if draft.expires_at > self._clock.now():
                    continue
                drop_jobs(session, self._clock, draft_id)
                empty_jobs(session, draft_id)
                held = assets.held_by(session, HoldKind.DRAFT, draft_id)
                assets.release(session, HoldKind.DRAFT, draft_id)
                assets.forget_names(session, held)
                draft.files.clear()
                # The row stays as a tombstone, so that its owner is told what happened to it.
                draft.options, draft.version = {}, 0
        return len(over)

    def _own(self, session: Session, caller: Caller, draft_id: str, *, locks: bool = False) -> Draft:
        draft = session.get(Draft, draft_id, populate_existing=True, with_for_update=locks)
        if draft is None or not owns(caller, visitor_id=draft.visitor_id, customer_id=draft.customer_id, email=None):
            raise DraftNotFound(draft=draft_id[:40])
        if draft.expires_at <= self._clock.now() or draft.version == 0:
            raise DraftExpired(draft=draft_id, expired=draft.expires_at.isoformat())
        return draft

    def _touch(self, draft: Draft) -> None:
        draft.version += 1
        draft.expires_at = self._clock.now() + self._lasts

    def _store(self, source: Path, media_type: str, file_name: str) -> Stored:
        asset_id = new_id()
        sha256, size = digest(source)
        key = f"uploads/{asset_id}/{sha256}"
        self._workshop.objects.put(key, source, sha256)
        return Stored(asset_id, key, sha256, size, media_type, file_name)

    def _store_bytes(self, scratch: Path, inspection: Inspection, name: str) -> Stored:
        one = inspection.derived[name]
        path = scratch / f"derived-{name}"
        path.write_bytes(one.data)
        return self._store(path, one.media_type, one.file_name)

    def _add(self, session: Session, draft_id: str, stored: Stored) -> str:
        return assets.add(
            session, self._clock, asset_id=stored.asset_id, key=stored.key, sha256=stored.sha256, size=stored.size,
            media_type=stored.media_type, file_name=stored.file_name, kind=HoldKind.DRAFT, holder=draft_id,
        )  # fmt: skip

    def _let_go(self, session: Session, draft_id: str, file: DraftFile, keep: set[str]) -> None:
        gone = {file.asset_id, *file.derived.values()} - keep
        for asset_id in gone:
            assets.release(session, HoldKind.DRAFT, draft_id, asset_id)
        assets.forget_names(session, gone)


def read_options(product: Product, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as JSON, complete and validated, or `OptionInvalid` that names the first wrong one."""
    try:
        return product.options.model_validate(dict(options)).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "options"
        raise OptionInvalid(option=name[:60], problem=str(first["msg"])[:200]) from None

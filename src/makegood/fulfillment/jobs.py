"""Jobs: a draft's result, made durably before anybody pays for it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from makegood.catalog.products import Products
from makegood.engine import Engine, WorkState
from makegood.fulfillment.contexts import Generating, Workshop
from makegood.fulfillment.keeping import keep_asset
from makegood.fulfillment.models import Job, JobOutput
from makegood.fulfillment.states import JOB, OPEN_JOB, JobState
from makegood.fulfillment.units import asset_file
from makegood.kernel import logs
from makegood.kernel.clock import Clock
from makegood.kernel.database import Database
from makegood.kernel.errors import MakegoodError, Temporary
from makegood.kernel.ids import new_id
from makegood.orders.models import Order, OrderLine
from makegood.product_api import Artefact, JobTerms, Product
from makegood.storage import assets
from makegood.storage.assets import HoldKind

JOB_WORK = "fulfillment.job"
WRITTEN_EVERY = 0.5
"""Seconds between two writes of a job's progress."""
LONGEST_BACKOFF = 5 * 60.0

log = logs.get("fulfillment")


class JobEnded(MakegoodError):
    code = "JOB_ENDED"
    operator = "The job {job} was cancelled, overtaken, or took too long, so its try {attempt} ends here."


class JobTookTooLong(Temporary):
    code = "JOB_TOOK_TOO_LONG"
    customer = "Making this took too long, so we stopped. Nothing was charged; you can try again."
    operator = "A try took longer than its limit."


class JobFailed(Temporary):
    code = "JOB_FAILED"
    customer = "Making this took an unexpected turn. Nothing was charged; you can try again."
    operator = "Making failed with {error}: {message}"


def job_work_id(job_id: str, attempt: int) -> str:
    """The workflow of one try at a job."""
    return f"job/{job_id}/{attempt}"


def live_for(draft_id: str, version: int) -> str:
    """What a job that counts for this version of a draft is known by."""
    return f"{draft_id}:{version}"


def job_of(session: Session, draft_id: str) -> Job | None:
    """The newest job of the draft, whatever has become of it."""
    query = sa.select(Job).where(Job.draft_id == draft_id).order_by(Job.created_at.desc(), Job.id.desc()).limit(1)
    return session.scalar(query.execution_options(populate_existing=True))


def finished_job(session: Session, draft_id: str, version: int) -> Job | None:
    """The completed job of exactly this version of the draft."""
    query = sa.select(Job).where(Job.live_for == live_for(draft_id, version), Job.state == JobState.COMPLETED)
    return session.scalar(query.execution_options(populate_existing=True))


def queue_position(session: Session, job: Job) -> int:
    """How many jobs are begun before this one; 0 once it is begun itself."""
    if job.state != JobState.QUEUED:
        return 0
    ahead = sa.select(sa.func.count()).select_from(Job).where(Job.state == JobState.QUEUED, Job.id < job.id)
    return 1 + (session.scalar(ahead) or 0)


def drop_jobs(session: Session, clock: Clock, draft_id: str, *, but: str | None = None) -> None:
    """The draft needs its jobs no longer, but for the one that is `live_for` that: open ones are cancelled, what
    finished ones made is let go."""
    for job in session.scalars(sa.select(Job).where(Job.draft_id == draft_id, Job.live_for.is_distinct_from(but))):
        JOB.move(
            session, Job.state, Job.id == job.id, JobState.CANCELLED, come_from=OPEN_JOB, ended_at=clock.now(),
            live_for=None,
        )  # fmt: skip
        for output in job.outputs:
            assets.release(session, HoldKind.DRAFT, draft_id, output.asset_id)


def empty_jobs(session: Session, draft_id: str, *, but_of: str | None = None) -> tuple[int, set[str]]:
    """Take what the customer gave out of the draft's jobs, which nothing needs any more; one from which an order other
    than `but_of` may have to be made again stays as it is. Returns how many had something, and their assets."""
    is_ordered = sa.exists().where(
        OrderLine.job_id == Job.id, Order.id == OrderLine.order_id, Order.erased_at.is_(None),
        Order.id.is_distinct_from(but_of),
    )  # fmt: skip
    query = sa.select(Job).where(Job.draft_id == draft_id, ~is_ordered)
    emptied, named = 0, set()
    # One that was finished meanwhile is read with what it made.
    for job in session.scalars(query.execution_options(populate_existing=True)).all():
        facts = [output for output in job.outputs if output.facts]
        emptied += bool(job.options or job.inputs or job.error_text or facts)
        named |= {output.asset_id for output in job.outputs}
        named |= {one for given in job.inputs for one in (given["asset_id"], *given["derived"].values())}
        job.options, job.inputs, job.error_text = {}, [], None
        for output in facts:
            output.facts = {}
    session.flush()
    return emptied, named


class Jobs:
    """queued → processing → completed | failed | cancelled; each try has its time, and there are a few tries."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, products: Products, workshop: Workshop,
        retry_seconds: float,
    ) -> None:  # fmt: skip
        self._database, self._engine, self._clock = database, engine, clock
        self._products, self._workshop, self._retry_seconds = products, workshop, retry_seconds

    def register(self, engine: Engine) -> None:
        """Make the workflow known to the engine."""
        engine.workflow(JOB_WORK, self.work, queue="jobs")

    def start(
        self, session: Session, draft_id: str, version: int, product_id: str, options: dict[str, Any],
        inputs: list[dict[str, Any]],
    ) -> Job:  # fmt: skip
        """The job of this version of the draft: the one there is, or a new one, enqueued in the caller's transaction.
        Jobs of earlier versions are cancelled."""
        mine = live_for(draft_id, version)
        drop_jobs(session, self._clock, draft_id, but=mine)
        query = sa.select(Job).where(Job.live_for == mine)
        known = session.scalar(query)
        if known is not None:
            return known
        job = Job(
            id=new_id(), draft_id=draft_id, version=version, live_for=mine, product_id=product_id, options=options,
            inputs=inputs, seed=secrets.randbits(48), state=JobState.QUEUED, attempt=1, done=0, doing="",
            created_at=self._clock.now(), outputs=[],
        )  # fmt: skip
        try:
            with session.begin_nested():
                session.add(job)
        except IntegrityError:
            return session.scalars(query).one()
        self._engine.enqueue(session, JOB_WORK, job_work_id(job.id, 1), job.id, 1)
        return job

    def cancel(self, session: Session, job_id: str) -> bool:
        """End an open job; its work stops at its next step or word of progress."""
        return JOB.move(
            session, Job.state, Job.id == job_id, JobState.CANCELLED, come_from=OPEN_JOB, ended_at=self._clock.now(),
            live_for=None,
        )  # fmt: skip

    def work(self, job_id: str, attempt: int) -> None:
        """The workflow: one try."""
        if not self._engine.step("job.claim", lambda: self._claim(job_id, attempt)):
            return
        try:
            made = self._generate(job_id, attempt)
            self._engine.step("job.finish", lambda: self._finish(job_id, attempt, made))
        except JobEnded:
            return
        except MakegoodError as error:
            self._failed(job_id, attempt, error)
        except Exception as error:
            log.exception("job.failed", job=job_id, attempt=attempt)
            self._failed(job_id, attempt, JobFailed(error=type(error).__name__, message=str(error)[:300]))

    def sweep(self) -> None:
        """Tries that took too long are over, and every open job has a live workflow."""
        now = self._clock.now()
        with self._database.read() as session:
            open_jobs = list(session.scalars(sa.select(Job).where(Job.state.in_(OPEN_JOB))))
        states = self._engine.states([job_work_id(job.id, job.attempt) for job in open_jobs])
        for job in open_jobs:
            with logs.contained(log, "job.not_looked_after", job=job.id):
                if job.try_until is not None and job.try_until <= now:
                    self._failed(job.id, job.attempt, JobTookTooLong())
                elif states[job_work_id(job.id, job.attempt)] in (WorkState.ABSENT, WorkState.ENDED):
                    with self._database.write() as session:
                        self._again(session, job.id, job.attempt, 0)

    def _claim(self, job_id: str, attempt: int) -> bool:
        now = self._clock.now()
        with self._database.write() as session:
            job = session.get_one(Job, job_id)
            limit = self._terms(job.product_id).time_limit
            return JOB.move(
                session, Job.state, Job.id == job_id, JobState.PROCESSING, Job.attempt == attempt, done=0, doing="",
                started_at=job.started_at or now, try_until=now + limit,
            )  # fmt: skip

    def _generate(self, job_id: str, attempt: int) -> Sequence[Artefact]:
        with self._database.read() as session:
            job = session.get_one(Job, job_id)
            product = self._products.working(job.product_id)
            files = {
                one["slot"]: asset_file(
                    session, self._workshop.objects, one["asset_id"], dict(one["facts"]), dict(one["derived"])
                )
                for one in job.inputs
            }
        progress = self._progress(product, job_id, attempt)
        with self._workshop.folder() as folder:
            context = Generating(
                self._workshop, folder, job.product_id, f"jobs/{job_id}", lambda name: progress(None, name),
                options=product.options.model_validate(job.options), files=files, seed=job.seed, progress=progress,
            )  # fmt: skip
            return list(product.generate(context))

    def _progress(self, product: Product, job_id: str, attempt: int) -> Callable[[float | None, str], None]:
        """Writes how far it is, once in a while, and ends a try that doesn't count any more. A step says its name."""
        written = 0.0

        def tell(done: float | None, doing: str) -> None:
            nonlocal written
            if done is not None and time.monotonic() - written < WRITTEN_EVERY:
                return
            written = time.monotonic()
            values: dict[str, Any] = {} if done is None else {"done": done}
            if doing:
                values["doing"] = product.step_labels.get(doing, doing)[:200]
            with self._database.write() as session:
                goes_on = JOB.move(
                    session, Job.state, Job.id == job_id, JobState.PROCESSING, Job.attempt == attempt,
                    Job.try_until > self._clock.now(), come_from=[JobState.PROCESSING], **values,
                )  # fmt: skip
            if not goes_on:
                raise JobEnded(job=job_id, attempt=attempt)

        return tell

    def _finish(self, job_id: str, attempt: int, made: Sequence[Artefact]) -> None:
        """Read back, the outputs are the draft's: one transaction."""
        if not made:
            raise JobFailed(error="NothingMade", message="the product returned no artefact")
        for artefact in made:
            self._workshop.objects.verify(artefact.key, artefact.sha256, artefact.size)
        with self._database.write() as session:
            completed = JOB.move(
                session, Job.state, Job.id == job_id, JobState.COMPLETED, Job.attempt == attempt, done=1.0, doing="",
                ended_at=self._clock.now(), error_code=None, error_text=None,
            )  # fmt: skip
            if not completed:
                return
            job = session.get_one(Job, job_id)
            for position, artefact in enumerate(made, 1):
                asset_id = keep_asset(session, self._clock, artefact, HoldKind.DRAFT, job.draft_id)
                session.add(
                    JobOutput(
                        id=new_id(), job_id=job_id, position=position, name=artefact.name, asset_id=asset_id,
                        facts=dict(artefact.facts),
                    )
                )  # fmt: skip

    def _failed(self, job_id: str, attempt: int, error: MakegoodError) -> None:
        """The next try after a pause, if there is one and it may help; else the job has failed, and says why."""
        with self._database.write() as session:
            job = session.get_one(Job, job_id)
            terms = self._terms(job.product_id)
            if error.can_heal and attempt < terms.tries:
                backoff = min(LONGEST_BACKOFF, self._retry_seconds * 2 ** min(attempt - 1, 20))
                self._again(session, job_id, attempt, backoff, error)
                return
            JOB.move(
                session, Job.state, Job.id == job_id, JobState.FAILED, Job.attempt == attempt,
                ended_at=self._clock.now(), live_for=None, error_code=error.code, error_text=error.for_customer(),
            )  # fmt: skip
        log.warning("job.failed", job=job_id, attempt=attempt, error=str(error))

    def _again(
        self, session: Session, job_id: str, attempt: int, delay: float, error: MakegoodError | None = None
    ) -> None:
        values: dict[str, Any] = {"error_code": error.code, "error_text": error.for_customer()} if error else {}
        again = JOB.move(
            session, Job.state, Job.id == job_id, JobState.QUEUED, Job.attempt == attempt, come_from=OPEN_JOB,
            attempt=attempt + 1, try_until=None, done=0.0, doing="", **values,
        )  # fmt: skip
        if again:
            self._engine.enqueue(session, JOB_WORK, job_work_id(job_id, attempt + 1), job_id, attempt + 1, delay=delay)

    def _terms(self, product_id: str) -> JobTerms:
        return self._products.get(product_id).job or JobTerms()

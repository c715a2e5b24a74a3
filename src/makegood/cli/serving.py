"""`makegood serve`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from makegood.app import Running, build, create_app
from makegood.cli.failing import sentence
from makegood.cli.home import HomeInUse, HomeLock
from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError
from makegood.kernel.settings import Settings


class WorkerNeedsPostgres(MakegoodError):
    code = "WORKER_NEEDS_POSTGRES"
    operator = (
        "On SQLite the shop works in the one process that serves it. For workers of their own, set "
        "MAKEGOOD_DATABASE_URL to a PostgreSQL database and give every process the same settings."
    )


class ShopDidNotStart(MakegoodError):
    code = "SHOP_DID_NOT_START"
    operator = "The shop did not start at {address}; its log above says why."


def serve(host: str, port: int) -> int:
    """Serve until told to stop; returns the exit code."""
    settings = Settings()
    changes = {name: value for name, value in (("host", host), ("port", port)) if value}
    settings = settings.model_copy(update=changes)
    logs.configure(json=not sys.stderr.isatty(), folder=settings.home / "logs", keep_mb=settings.log_mb)
    lock = HomeLock(settings.home)
    is_first = True
    try:
        lock.acquire(settings.address)
    except HomeInUse as error:
        if not settings.database_url or settings.database.startswith("sqlite"):
            print(error.for_operator(), file=sys.stderr)
            return 1
        is_first = False
    with lock:
        try:
            running = build(settings, hosts_sandbox=is_first)
        except (MakegoodError, SQLAlchemyError) as error:
            return refuse(settings, error)
        running.on_fenced = start_again
        server = _server(settings, running)
        _greet(settings, has_operators=_has_operators(running))
        tell_what_is_wrong(running, lambda: server.started)
        server.run()
    return 0


def refuse(settings: Settings, error: Exception) -> int:
    """Say in one line why nothing can be served or worked at; returns the exit code."""
    print(f"✗ {settings.shop_name} does not start. {sentence(error)}", file=sys.stderr)
    print("  `makegood doctor` looks at everything and says what mends it.", file=sys.stderr)
    return 1


def tell_what_is_wrong(running: Running, has_started: Callable[[], bool]) -> None:
    """Once it has started, look at what health looks at, beside the serving, and print what is amiss: a shop that
    works only in part says so."""

    def look() -> None:
        while not has_started():
            time.sleep(0.05)
        lines = [line for each in running.services.doctor.recent() for line in each.findings.lines if line.problem]
        for line in lines:
            print(f"  ✗ {line.name}: {line.problem}\n      → {line.mend}", file=sys.stderr, flush=True)
        if lines:
            print("\n  The shop is open, but not well. What can't be made now waits.\n", file=sys.stderr, flush=True)

    Thread(target=look, daemon=True, name="start-up look").start()


def work() -> int:
    """Work until told to stop, without pages; returns the exit code."""
    settings = Settings().model_copy(update={"work": True})
    logs.configure(json=not sys.stderr.isatty(), folder=settings.home / "logs", keep_mb=settings.log_mb)
    if settings.database.startswith("sqlite"):
        print(WorkerNeedsPostgres().for_operator(), file=sys.stderr)
        return 1
    try:
        running = build(settings, hosts_sandbox=False)
    except (MakegoodError, SQLAlchemyError) as error:
        return refuse(settings, error)
    running.on_fenced = start_again
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    running.start()
    tell_what_is_wrong(running, lambda: True)
    print(f"  Working as {running.services.engine.executor_id}. Ctrl-C ends it; others take over.", flush=True)
    stop.wait()
    running.stop()
    return 0


def start_again() -> None:
    """Become a new process of the same command: what this one was is dead to the others."""
    os.execv(sys.executable, [sys.executable, "-m", "makegood.cli", *sys.argv[1:]])  # noqa: S606


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The shop, served from a thread while the block runs; yields its address."""
    lock = HomeLock(settings.home)
    lock.acquire(settings.address)
    with lock:
        server = _server(settings, build(settings))
        thread = Thread(target=server.run, daemon=True, name="shop")
        thread.start()
        while not server.started:
            thread.join(0.05)
            if not thread.is_alive():
                raise ShopDidNotStart(address=settings.address)
        try:
            yield settings.address
        finally:
            server.should_exit = True
            thread.join(30)


def _server(settings: Settings, running: Running) -> uvicorn.Server:
    app = create_app(running)
    return uvicorn.Server(
        uvicorn.Config(
            app, host=settings.host, port=settings.port, log_level="warning", timeout_graceful_shutdown=5,
            server_header=False, timeout_keep_alive=30, forwarded_allow_ips=settings.trusted_proxies,
        )
    )  # fmt: skip


def _has_operators(running: Running) -> bool:
    try:
        return running.services.operators.exist()
    except (MakegoodError, SQLAlchemyError):
        # A shop whose tables are damaged can't tell; what is wrong with it is told anyway.
        return True


def _payments(settings: Settings) -> list[tuple[str, str]]:
    if settings.env == "production" and not settings.sandbox_in_production:
        return []
    where = f"{settings.sandbox_url or settings.public_address + '/sandbox'}/"
    return [("Payments", f"{where}  (test card 4242 4242 4242 4242)")]


def _greet(settings: Settings, *, has_operators: bool) -> None:
    lines = [
        ("Shop", settings.public_address),
        ("Mails", f"{settings.public_address}/outbox" if settings.env != "production" else "by SMTP"),
        *_payments(settings),
        ("Console", f"{settings.public_address}/console"),
        ("Home", str(settings.home.absolute())),
    ]
    print(f"\n  {settings.shop_name} is open.\n")
    for name, value in lines:
        print(f"  {name:<9} {value}")
    if not has_operators:
        print("\n  Nobody can sign in to the console yet. This adds its first owner:  makegood operators add EMAIL")
    print("\n  Ctrl-C ends it; what is owed then waits for the next start.\n", flush=True)

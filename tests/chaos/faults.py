"""What goes wrong, one thing at a time or several: each strikes, lasts a while, and is healed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import httpx

from makegood.payments.providers.sandbox.adapter import SIGNATURE_HEADER
from tests.chaos.world import World


class Fault(Protocol):
    """Strikes when the block begins and is healed when it ends."""

    def __call__(self, world: World, chance: random.Random) -> AbstractContextManager[None]: ...


@contextmanager
def kill(world: World, chance: random.Random) -> Iterator[None]:
    """kill -9 of a worker, or of the one process that is everything."""
    if world.workers:
        victim = chance.choice(world.workers)
        victim.kill()
        victim.wait()
    else:
        world.shop.kill()
    yield
    world.replace_the_dead()


@contextmanager
def kill_pages(world: World, chance: random.Random) -> Iterator[None]:
    """kill -9 of the process that takes orders and notifications."""
    world.shop.kill()
    yield
    world.replace_the_dead()


@contextmanager
def freeze(world: World, chance: random.Random) -> Iterator[None]:
    """A worker stands still for longer than its lease, and goes on as if nothing had been."""
    victim = chance.choice(world.workers) if world.workers else world.shop.process
    assert victim is not None
    victim.send_signal(signal.SIGSTOP)
    yield
    with contextlib.suppress(ProcessLookupError):
        victim.send_signal(signal.SIGCONT)


@contextmanager
def database_down(world: World, chance: random.Random) -> Iterator[None]:
    """PostgreSQL ends as in a power cut and comes back. SQLite can't go away; its process can."""
    if world.is_sqlite:
        world.shop.kill()
    else:
        world.postgres.stop(hard=True)
    yield
    if not world.is_sqlite:
        world.postgres.start()
    world.replace_the_dead()


@contextmanager
def store_away(world: World, chance: random.Random) -> Iterator[None]:
    """The folder of objects is not there."""
    away = world.objects.with_name("objects-away")
    world.objects.rename(away)
    yield
    # Whoever tried to write meanwhile may have made the folder anew; what it wrote there is brought back too.
    if world.objects.exists():
        for path in [found for found in world.objects.rglob("*") if found.is_file()]:
            target = away / path.relative_to(world.objects)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        subprocess.run(["rm", "-rf", str(world.objects)], check=True)
    away.rename(world.objects)


@contextmanager
def disk_full(world: World, chance: random.Random) -> Iterator[None]:
    """No byte more fits: the process may write no file beyond a few kilobytes."""
    processes = [worker.pid for worker in world.workers] or [world.shop.process.pid if world.shop.process else 0]
    for process in processes:
        _limit_file_size(process, "4096:unlimited")
    yield
    for process in processes:
        _limit_file_size(process, "unlimited:unlimited")


def _limit_file_size(process: int, limits: str) -> None:
    import resource

    soft = limits.partition(":")[0]
    value = resource.RLIM_INFINITY if soft == "unlimited" else int(soft)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (value, resource.RLIM_INFINITY))


@contextmanager
def mail_away(world: World, chance: random.Random) -> Iterator[None]:
    """Nobody listens where the mails go."""
    world.mail.stop()
    yield
    world.mail.start()


@contextmanager
def provider_away(world: World, chance: random.Random) -> Iterator[None]:
    """The payment provider is killed and comes back with its own books."""
    world.shop.provider.kill()
    yield
    world.shop.provider.start()


@contextmanager
def provider_lies(world: World, chance: random.Random) -> Iterator[None]:
    """The provider fails after it has done what it was asked, hangs, or drops the line."""
    kind = chance.choice(["500", "after_commit_500", "connection_drop", "timeout"])
    wanted = {"next": chance.randint(3, 12), "kind": kind, "seconds": 2.0}
    world.shop.provider.http.post("/v1/test/faults", json=wanted)
    yield
    world.shop.provider.http.delete("/v1/test/faults")


@contextmanager
def refunds_fail(world: World, chance: random.Random) -> Iterator[None]:
    """The provider refuses some refunds at first."""
    world.shop.provider.http.post(
        "/v1/test/refund_outcomes", json={"next": 2, "outcome": "succeeded", "delay": chance.uniform(0.5, 3)}
    )
    yield


@contextmanager
def post_office_fails(world: World, chance: random.Random) -> Iterator[None]:
    """Who keeps the mailboxes is slow, and then refuses."""
    world.post_office.be(slow=0.5, fails=chance.choice(["PUT", "DELETE", "PUT DELETE", "GET"]))
    yield
    world.post_office.be()


@contextmanager
def clock_moves(world: World, chance: random.Random) -> Iterator[None]:
    """A worker's host has a clock that is wrong by up to a quarter of an hour."""
    if world.workers:
        victim = chance.choice(world.workers)
        victim.kill()
        victim.wait()
        world.workers.remove(victim)
        world.hire(MAKEGOOD_TEST_CLOCK_SECONDS=str(chance.randint(-900, 900)))
    yield


@contextmanager
def forged(world: World, chance: random.Random) -> Iterator[None]:
    """Somebody sends notifications that the provider never signed."""
    for number in range(5):
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(
                f"{world.shop.url}/api/v1/payments/sandbox/webhook",
                content=b'{"id":"evt_forged_%d","type":"payment.succeeded","data":{"payment":"pay_x"}}' % number,
                headers={SIGNATURE_HEADER: f"t={int(time.time())},v1={os.urandom(32).hex()}"}, timeout=10,
            )  # fmt: skip
    yield


@contextmanager
def killed_within(world: World, chance: random.Random) -> Iterator[None]:
    """Whoever comes first to one of the named places dies there."""
    places = ["claim", "secure", "verify", "grant", "mail", "settle", "refund"]
    moment = {"mail": "accepted", "settle": "within"}
    place = chance.choice(places)
    order = world.shop.home / "die-at"
    order.write_text(f"{place}:{moment.get(place) or chance.choice(['before', 'after'])}")
    yield
    Path(order).unlink(missing_ok=True)
    world.replace_the_dead()


ALWAYS: dict[str, Fault] = {
    "kill": kill, "kill pages": kill_pages, "freeze": freeze, "database down": database_down,
    "store away": store_away, "disk full": disk_full, "mail away": mail_away, "provider away": provider_away,
    "provider lies": provider_lies, "refunds pend": refunds_fail, "post office fails": post_office_fails,
    "clock moves": clock_moves, "forged": forged, "killed within": killed_within,
}  # fmt: skip

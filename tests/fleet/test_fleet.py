"""Several processes on PostgreSQL: whoever dies, freezes or loses the database, each order is delivered once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.processes import LEASE_SECONDS, Fleet
from tests.shops import until


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet"), workers=2) as running:
        yield running


def assert_delivered_once(fleet: Fleet, number: str, text: str) -> None:
    customer = fleet.customer_of(number)
    order = customer.at_rest(number)
    events = [event["event"] for event in order["timeline"]]
    assert order["state"] == "delivered"
    assert (events.count("payment.succeeded"), events.count("obligation.delivered")) == (1, 1)
    assert fleet.shop.provider.captures(order["payment"]["id"]) == 1
    assert fleet.shop.provider.kept(order["payment"]["id"]) == order["total"]["minor"]
    [unit] = order["units"]
    [artefact] = unit["artefacts"]
    assert customer.http.get(artefact["url"]).text == f"{text}\n{number}\n"


def test_what_a_killed_worker_held_is_taken_over_and_no_recorded_step_is_repeated(fleet: Fleet) -> None:
    number = fleet.order("killed", seconds=4)
    until(lambda: fleet.tally()[number, "write"] == 1, 30, "the second step")
    victim = fleet.busy_worker(number)

    victim.kill()
    victim.wait()

    assert_delivered_once(fleet, number, "killed")
    assert fleet.tally()[number, "think"] == 1
    assert fleet.tally()[number, "write"] == 2
    fleet.hire()


def test_a_worker_that_froze_is_fenced_and_comes_back_as_another(fleet: Fleet) -> None:
    number = fleet.order("frozen", seconds=1.5)
    worker = fleet.busy_worker(number)
    [executor] = [who for who, process in fleet.alive().items() if process == worker.pid]

    fleet.freeze(worker)
    until(lambda: executor not in fleet.alive(), 30, "the burial of the frozen worker")
    held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    until(lambda: fleet.query(held, executor) == [(0,)], 10, "the end of its transactions and locks")
    assert_delivered_once(fleet, number, "frozen")
    fleet.thaw(worker)

    until(lambda: worker.pid in fleet.alive().values(), 30, "the worker's return")
    [again] = [who for who, process in fleet.alive().items() if process == worker.pid]
    assert again != executor
    assert_delivered_once(fleet, number, "frozen")


def test_work_that_counts_as_a_living_workers_and_is_not_run_by_it_goes_on(fleet: Fleet) -> None:
    number = fleet.order("lost", seconds=0)
    assert_delivered_once(fleet, number, "lost")
    executor = next(iter(fleet.alive()))
    going_on = "SELECT 1 FROM engine.workflow_status WHERE status IN ('PENDING', 'ENQUEUED')"
    until(lambda: not fleet.query(going_on), 30, "the end of all work")
    # What an outage can leave behind: the engine's row says that a living worker runs it.
    [(identity,)] = fleet.query(
        "UPDATE engine.workflow_status SET status = 'PENDING', executor_id = %s, output = NULL, error = NULL"
        " WHERE workflow_uuid = (SELECT o.id || '/' || o.attempt FROM obligation o"
        ' JOIN "order" r ON r.id = o.order_id WHERE r.number = %s) RETURNING workflow_uuid',
        executor, number,
    )  # fmt: skip

    def ended() -> bool:
        query = "SELECT status FROM engine.workflow_status WHERE workflow_uuid = %s"
        return fleet.query(query, identity) == [("SUCCESS",)]

    until(ended, 30, "the end of the lost work")
    assert fleet.query("SELECT tries FROM take_over WHERE workflow_id = %s", identity) == [(1,)]
    assert_delivered_once(fleet, number, "lost")


def test_work_that_kills_whoever_takes_it_over_begins_anew(fleet: Fleet) -> None:
    number = fleet.order("cursed", seconds=2)
    worker = fleet.busy_worker(number)
    [(identity,)] = fleet.query(
        "SELECT o.id || '/' || o.attempt FROM obligation o"
        ' JOIN "order" r ON r.id = o.order_id WHERE r.number = %s', number,
    )  # fmt: skip
    fleet.query("INSERT INTO take_over VALUES (%s, 'somebody', extract(epoch FROM now()) - 1000, 100)", identity)

    worker.kill()
    worker.wait()

    assert_delivered_once(fleet, number, "cursed")
    assert fleet.query("SELECT attempt FROM obligation WHERE id = %s", identity.split("/")[0]) == [(2,)]
    fleet.hire()


@pytest.mark.parametrize("by", ["tcp", pytest.param("socket", marks=pytest.mark.nightly)])
def test_the_database_dies_under_load_and_comes_back(tmp_path: Path, by: str) -> None:
    with Fleet(tmp_path, workers=2, socket=by == "socket") as fleet:
        numbers = {fleet.order(f"note {n}", seconds=0.8): f"note {n}" for n in range(6)}

        fleet.postgres.stop(hard=True)
        # Longer than a lease: nobody may be buried for an outage that all of them had.
        time.sleep(2 * LEASE_SECONDS)
        fleet.postgres.start()

        for number, text in numbers.items():
            assert_delivered_once(fleet, number, text)
        assert all(worker.poll() is None for worker in fleet.workers)

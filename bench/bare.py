"""DBOS alone, doing as many workflows, recorded steps and commits for each order as the platform does."""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial

import sqlalchemy as sa
from dbos import DBOS, DBOSClient

TABLE = "CREATE TABLE IF NOT EXISTS work (id SERIAL PRIMARY KEY, name TEXT, note TEXT)"


def main() -> None:
    """`python -m bench.bare DATABASE fill|work ORDERS WORKFLOWS STEPS COMMITS`."""
    address, what, *numbers = sys.argv[1:]
    orders, workflows, steps, commits = map(int, numbers)
    engine = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://"), pool_size=40)
    if what == "fill":
        _fill(address, engine, orders, workflows)
    else:
        _work(address, engine, orders, workflows, steps, commits)


def _fill(address: str, engine: sa.Engine, orders: int, workflows: int) -> None:
    DBOS(
        config={"name": "bare-bench", "system_database_url": address, "log_level": "ERROR", "application_version": "1"}
    )
    DBOS.launch()
    DBOS.register_queue("bare", worker_concurrency=1)
    with engine.begin() as connection:
        connection.execute(sa.text(TABLE))
    client = DBOSClient(system_database_url=address, application_name="bare-bench")
    for number in range(orders * workflows):
        with engine.begin() as connection:
            options = {"workflow_name": "work", "queue_name": "bare", "workflow_id": f"w{number}", "app_version": "1"}
            client.enqueue_in_transaction(connection, options, number)  # type: ignore[arg-type]
    os._exit(0)


def _work(address: str, engine: sa.Engine, orders: int, workflows: int, steps: int, commits: int) -> None:
    DBOS(
        config={"name": "bare-bench", "system_database_url": address, "log_level": "ERROR", "application_version": "1"}
    )

    def commit(times: int, number: int) -> None:
        for _ in range(times):
            with engine.begin() as connection:
                connection.execute(sa.text("INSERT INTO work (name, note) VALUES (:name, 'x')"), {"name": f"w{number}"})

    @DBOS.workflow(name="work")
    def work(number: int) -> None:
        nth = number % workflows
        own_steps, own_commits = _share(steps, workflows, nth), _share(commits, workflows, nth)
        if not own_steps:
            commit(own_commits, number)
        for index in range(own_steps):
            DBOS.run_step({"name": f"s{index}"}, partial(commit, _share(own_commits, own_steps, index), number))

    began, spent = time.time(), time.process_time()
    DBOS.launch()
    # As many at once as the platform's three queues of four: for payments, the making and mails.
    DBOS.register_queue("bare", worker_concurrency=12, polling_interval_sec=0.1, on_conflict="always_update")
    client = DBOSClient(system_database_url=address, application_name="bare-bench")
    del client
    while True:
        with engine.connect() as connection:
            done = connection.scalar(sa.text("SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'"))
        if (done or 0) >= orders * workflows:
            break
        time.sleep(0.1)
    print(json.dumps({"began": began, "ended": time.time(), "cpu": time.process_time() - spent}), flush=True)
    os._exit(0)


def _share(total: int, among: int, nth: int) -> int:
    """What the nth gets where so many are dealt out one by one."""
    return total // among + (nth < total % among)


if __name__ == "__main__":
    main()

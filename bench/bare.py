"""DBOS alone, doing as many workflows, recorded steps and commits for each order as the platform does."""

from __future__ import annotations

import json
import os
import sys
import time

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
        _work(address, engine, orders * workflows, max(1, round(steps / workflows)), max(1, round(commits / workflows)))


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


def _work(address: str, engine: sa.Engine, wanted: int, steps: int, commits: int) -> None:
    DBOS(
        config={"name": "bare-bench", "system_database_url": address, "log_level": "ERROR", "application_version": "1"}
    )

    def commit(name: str) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO work (name, note) VALUES (:name, 'x')"), {"name": name})

    @DBOS.workflow(name="work")
    def work(number: int) -> None:
        each = [commits // steps + (index < commits % steps) for index in range(steps)]
        for index, count in enumerate(each):
            DBOS.run_step(
                {"name": f"s{index}"}, lambda count=count: [commit(f"w{number}") for _ in range(count)] and None
            )

    began, spent = time.time(), time.process_time()
    DBOS.launch()
    # As many at once as the platform's two queues of four.
    DBOS.register_queue("bare", worker_concurrency=8, polling_interval_sec=0.1, on_conflict="always_update")
    client = DBOSClient(system_database_url=address, application_name="bare-bench")
    del client
    while True:
        with engine.connect() as connection:
            done = connection.scalar(sa.text("SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'"))
        if (done or 0) >= wanted:
            break
        time.sleep(0.1)
    print(json.dumps({"began": began, "ended": time.time(), "cpu": time.process_time() - spent}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()

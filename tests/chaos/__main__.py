"""`make chaos ORDERS=…`: many orders while everything fails in turn. The last line is JSON; seeded, bounded in time."""

from __future__ import annotations

import argparse
import json
import queue
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.faults import ALWAYS
from tests.chaos.operators import Operators
from tests.chaos.people import Buyer, Outsiders, Purchase, wanted
from tests.chaos.verdict import Verdict, judge
from tests.chaos.world import World

CUSTOMERS_AT_ONCE = 6


def main() -> int:
    """Run, judge, print; 0 only if nothing was lost, doubled or left unexplained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20_261)
    parser.add_argument("--database", choices=["postgres", "socket", "sqlite"], default="postgres")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--rest-seconds", type=float, help="default: 300 and a tenth of a second for each order")
    parser.add_argument("--only", default="", help="comma-separated names of faults")
    parser.add_argument("--keep", type=Path, help="folder for everything, kept afterwards")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="makegood-chaos-")))
        folder.mkdir(parents=True, exist_ok=True)
        world = stack.enter_context(World(folder, options.database, options.workers))
        began = time.monotonic()
        purchases, struck = rage(world, options)
        verdict = settle(world, purchases, options.rest_seconds or 300 + options.orders / 10)
        seconds = round(time.monotonic() - began, 1)
    for sentence in verdict.sentences:
        print(sentence)
    facts = {"seed": options.seed, "database": options.database, "seconds": seconds, "faults": dict(struck)}
    print(json.dumps({**verdict.as_json(), **facts}), flush=True)
    return 1 if verdict.lost or verdict.double or verdict.unexplained else 0


def rage(world: World, options: argparse.Namespace) -> tuple[list[Purchase], Counter[str]]:
    """Customers come until all have ordered, while one fault after the other strikes and is healed."""
    waiting: queue.SimpleQueue[Purchase] = queue.SimpleQueue()
    purchases = [wanted(world, random.Random(f"{options.seed}/{n}"), n) for n in range(options.orders)]
    for purchase in purchases:
        waiting.put(purchase)
    operators = Operators(world, random.Random(f"{options.seed}/operators"))
    done: list[Purchase] = []

    def come() -> None:
        while True:
            try:
                purchase = waiting.get_nowait()
            except queue.Empty:
                return
            chance = random.Random(f"{options.seed}/{purchase.index}/way")
            Buyer(world, chance, purchase).buy()
            Outsiders(world, chance).meddle(purchase)
            if chance.random() < 0.03:
                _click(operators, purchase)
            done.append(purchase)

    customers = [threading.Thread(target=come, name=f"customer-{n}") for n in range(CUSTOMERS_AT_ONCE)]
    for customer in customers:
        customer.start()
    struck = _strike(world, options, customers, done)
    for customer in customers:
        customer.join()
    operators.close()
    return purchases, struck


def _click(operators: Operators, purchase: Purchase) -> None:
    try:
        operators.click(purchase)
    except Exception as error:  # noqa: BLE001 - with the database down an operator sees an error page and goes home
        print(f"  an operator saw {type(error).__name__}", file=sys.stderr)


def _strike(
    world: World, options: argparse.Namespace, customers: list[threading.Thread], done: list[Purchase]
) -> Counter[str]:
    chance, struck = random.Random(f"{options.seed}/faults"), Counter[str]()
    names = [name for name in ALWAYS if not options.only or name in options.only.split(",")]
    bag: list[str] = []
    while any(customer.is_alive() for customer in customers):
        if not bag:
            bag = chance.sample(names, len(names))
        name = bag.pop()
        struck[name] += 1
        print(f"  {len(done):5} of {options.orders} orders; {name}", file=sys.stderr, flush=True)
        with ALWAYS[name](world, chance):
            time.sleep(chance.uniform(0.5, 4))
        world.replace_the_dead()
        time.sleep(chance.uniform(0.2, 2))
    return struck


def settle(world: World, purchases: list[Purchase], seconds: float) -> Verdict:
    """Wait, with everything healed, until every order is at rest and the verdict is clean, at most for `seconds`."""
    end = time.monotonic() + seconds
    world.shop.provider.http.delete("/v1/test/faults")
    verdict, open_ones = Verdict(), [p for p in purchases if p.number]
    while time.monotonic() < end:
        world.replace_the_dead()
        open_ones = [p for p in open_ones if not _rests(p)]
        if not open_ones:
            time.sleep(6)
            verdict = judge(world, purchases)
            if not verdict.sentences:
                return verdict
        print(f"  {len(open_ones)} orders are not at rest, {len(verdict.sentences)} sentences", file=sys.stderr)
        time.sleep(3)
    return judge(world, purchases)


def _rests(purchase: Purchase) -> bool:
    order = purchase.customer.order(purchase.number)
    return bool(order["at_rest"])


if __name__ == "__main__":
    sys.exit(main())

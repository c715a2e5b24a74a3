"""What parts of the shop do for each other, done by a process beside it that stays up: one start, many acts."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from tests.shops import Shop

PROGRAM = """
import json, sys, traceback
from makegood.app import build
from makegood.kernel import logs
from makegood.kernel.settings import Settings

logs.configure(json=True)
running = build(Settings())
shop = running.services
shop.engine.attach()
for line in sys.stdin:
    asked, found = json.loads(line), {"shop": shop, "said": None}
    try:
        if asked["transaction"]:
            with shop.database.write() as session:
                found["session"] = session
                exec(asked["code"], found)
        else:
            exec(asked["code"], found)
        print(json.dumps({"said": found["said"]}), flush=True)
    except Exception:
        print(json.dumps({"problem": traceback.format_exc()}), flush=True)
shop.engine.stop()
running.isolated.stop()
shop.database.close()
"""

GIVE_BACK = """
from makegood.orders.reading import by_number, obligations_of
order = by_number(session, {number!r})
units = {{unit.id: unit.unit_no for line in order.lines for unit in line.units}}
said = [
    shop.obligations.give_back(session, owed.id, "It tore.")
    for owed in obligations_of(session, order.id) if units[owed.unit_id] in {units!r}
]
"""
RECONCILE = """
from dataclasses import asdict
done = shop.reconciling.reconcile(full={full!r})
said = {{**asdict(done), "explained": done.explained}}
"""
PROVE = """
from dataclasses import asdict
from makegood.app import payment_providers
from makegood.proof import prove
report = prove(shop.database, shop.objects, payment_providers(shop.settings, shop.clock), shop.clock)
said = [asdict(violation) for violation in report.violations] + list(report.unanswered)
"""


class Hands:
    """The shop's own parts, at work in another process on the same home."""

    def __init__(self, shop: Shop) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=shop.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)

    def begin(self, code: str, *, transaction: bool = True) -> None:
        """Run `code` with `shop` and, in one transaction, `session` at hand."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"code": code, "transaction": transaction}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """What the code called `said`."""
        assert self._process.stdout is not None
        answer = json.loads(self._process.stdout.readline())
        assert "problem" not in answer, answer["problem"]
        return answer["said"]

    def do(self, code: str, *, transaction: bool = True) -> Any:
        """Run it and wait."""
        self.begin(code, transaction=transaction)
        return self.answer()

    def give_back(self, number: str, units: tuple[int, ...] = (1,)) -> None:
        """What an operator does who gives units of an order back."""
        done = self.do(GIVE_BACK.format(number=number, units=units))
        assert done == [True] * len(units), done

    def reconcile(self, *, full: bool = False) -> Any:
        """One pass, and what it found."""
        return self.do(RECONCILE.format(full=full), transaction=False)

    def prove(self) -> list[Any]:
        """What contradicts the promise."""
        return list(self.do(PROVE, transaction=False))

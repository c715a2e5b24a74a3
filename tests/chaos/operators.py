"""Two operators of the shop who click at once, each in a process's worth of threads of their own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import sqlalchemy as sa

from makegood.app import Running, build
from makegood.kernel.settings import Settings
from makegood.orders.models import Obligation, Order
from tests.chaos.people import Purchase
from tests.chaos.world import World


class Operators:
    """Acts on orders as the console and the command line do: through `Operating`, beside the shop."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world, self._chance = world, chance
        self._running: Running | None = None

    def click(self, purchase: Purchase) -> None:
        """Retry and refund the same unit in the same moment; which of the two wins is theirs to find out."""
        shop = self._shop().services
        with shop.database.read() as session:
            query = (
                sa.select(Obligation.id).join(Order, Order.id == Obligation.order_id)
                .where(Order.number == purchase.number)
            )  # fmt: skip
            owed = list(session.scalars(query))
        if not owed:
            return
        obligation = self._chance.choice(owed)
        purchase.causes.append("operator")
        operating, together = shop.operating, threading.Barrier(3)

        def act(what: Callable[[str, str, str], bool], who: str) -> None:
            together.wait()
            what(obligation, who, "a customer wrote")

        acts = [
            threading.Thread(target=act, args=arguments)
            for arguments in (
                (operating.retry, "ann@example.com"), (operating.refund, "bob@example.com"),
                (operating.refund, "cem@example.com"),
            )
        ]  # fmt: skip
        for one in acts:
            one.start()
        for one in acts:
            one.join()

    def close(self) -> None:
        if self._running is not None:
            self._running.stop()

    def _shop(self) -> Running:
        if self._running is None:
            env = {k.removeprefix("MAKEGOOD_").lower(): v for k, v in self._world.shop.env.items() if "MAKEGOOD_" in k}
            settings = Settings.model_validate(env).model_copy(update={"work": False})
            self._running = build(settings, hosts_sandbox=False)
            self._running.services.engine.attach()
        return self._running

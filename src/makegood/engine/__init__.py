"""The durable engine behind a small door: workflows, recorded steps, isolated work, periodic sweeps."""

from makegood.engine.durable import Engine, WorkState
from makegood.engine.isolation import IsolatedWork
from makegood.engine.periodic import Periodic

__all__ = ["Engine", "IsolatedWork", "Periodic", "WorkState"]

"""The durable engine behind a small door: workflows, recorded steps, isolated work, periodic sweeps."""

from makegood.engine.durable import FENCED, Engine, WorkState, end_fenced
from makegood.engine.fleet import Worker
from makegood.engine.isolation import IsolatedWork
from makegood.engine.periodic import Periodic

__all__ = ["FENCED", "Engine", "IsolatedWork", "Periodic", "WorkState", "Worker", "end_fenced"]

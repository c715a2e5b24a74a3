"""The sandbox: a small payment company of its own, which the shop talks to only over HTTP.

It keeps its own database file, its own ledger and its own webhook deliveries, so that killing it or the shop
loses nothing and its ledger can be the outsider's verdict. `wire.md` beside this file is its API reference.
"""

from makegood.payments.providers.sandbox.server.config import SandboxConfig
from makegood.payments.providers.sandbox.server.sandbox import Sandbox, create_app

__all__ = ["Sandbox", "SandboxConfig", "create_app"]

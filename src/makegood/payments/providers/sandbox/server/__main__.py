"""Runs a sandbox alone on the loopback: `python -m makegood.payments.providers.sandbox.server`.

Keys come from the environment, so that no process list shows them: MAKEGOOD_SANDBOX_API_KEY and
MAKEGOOD_SANDBOX_WEBHOOK_SECRET.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from makegood.payments.providers.sandbox.server.config import SandboxConfig, SandboxMisconfigured
from makegood.payments.providers.sandbox.server.sandbox import create_app


def _secret(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise SandboxMisconfigured(problem=f"{name} is not set")
    return value


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="makegood-sandbox", description="A payment provider for tests.")
    parser.add_argument("--database", type=Path, required=True, help="its own SQLite file")
    parser.add_argument("--webhook-url", required=True, help="where events are sent")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--public-url", help="where browsers reach it (default: the loopback and its port)")
    chosen = parser.parse_args()
    config = SandboxConfig(
        database=chosen.database,
        api_key=_secret("MAKEGOOD_SANDBOX_API_KEY"),
        webhook_secret=_secret("MAKEGOOD_SANDBOX_WEBHOOK_SECRET"),
        webhook_url=chosen.webhook_url,
        public_url=chosen.public_url or f"http://127.0.0.1:{chosen.port}",
        base_path="",
    )
    uvicorn.run(create_app(config), host="127.0.0.1", port=chosen.port, log_level="warning")


if __name__ == "__main__":
    main()

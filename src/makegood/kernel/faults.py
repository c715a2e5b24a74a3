"""Named places where a test may end the process as a power cut would. Inert outside `MAKEGOOD_ENV=test`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# `place` dies at its first passing; a marker file makes it die only once across restarts.
_PLACE = os.environ.get("MAKEGOOD_CRASH_AT", "") if os.environ.get("MAKEGOOD_ENV") == "test" else ""


def reach(place: str) -> None:
    """Pass a named place. Dies by SIGKILL if a test asked for it here and it has not died here yet."""
    if _PLACE != place:
        return
    marker = Path(os.environ["MAKEGOOD_HOME"]) / f"crashed-{place.replace('/', '_').replace(':', '_')}"
    if marker.exists():
        return
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)

"""Named places where a test may end the process as a power cut would. Inert outside `MAKEGOOD_ENV=test`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# A test writes the name of a place into this file; whoever reaches it first takes the file away and dies.
_ORDER = Path(os.environ.get("MAKEGOOD_HOME", "")) / "die-at" if os.environ.get("MAKEGOOD_ENV") == "test" else None


def reach(place: str) -> None:
    """Pass a named place; dies by SIGKILL if a test asked for that, once."""
    if _ORDER is None:
        return
    try:
        wanted = _ORDER.read_text()
    except FileNotFoundError:
        return
    if wanted == place:
        _ORDER.unlink()
        os.kill(os.getpid(), signal.SIGKILL)

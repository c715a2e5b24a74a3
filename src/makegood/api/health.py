"""Whether this process serves, and whether the whole shop is well."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from makegood.web.services import services

router = APIRouter(tags=["health"])
READY = ("database", "schema", "engine")


@router.get("/health/live")
def live() -> dict[str, str]:
    """This process answers."""
    return {"status": "alive"}


@router.get("/health/ready")
def ready(request: Request) -> JSONResponse:
    """Whether this process can serve: database, engine, the core's tables. 503 if not."""
    return _answer(request, READY)


@router.get("/health")
def health(request: Request) -> JSONResponse:
    """The whole shop: tables, plug-ins and what each product needs, files, storage, mail, workers. 503 when something
    is amiss; each issue says what, and what mends it."""
    return _answer(request, None)


def _answer(request: Request, names: Collection[str] | None) -> JSONResponse:
    shop = services(request)
    examined = shop.doctor.recent(names)
    issues: dict[str, Any] = {}
    for each in examined:
        for name, what in each.findings.issues.items():
            issues[name] = _both(issues[name], what) if name in issues else what
    connected = all(each.findings.is_well for each in examined if each.name == "database")
    status = "unhealthy" if not connected else "degraded" if issues else "healthy"
    content = {
        "status": status, "database": "connected" if connected else "disconnected", "issues": issues,
        "timestamp": shop.clock.now().isoformat(),
    }  # fmt: skip
    return JSONResponse(content, 200 if status == "healthy" else 503)


def _both(one: Any, other: Any) -> Any:
    """Two examinations' findings of one name: neither takes the other's place."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: _both(one[key], what) if key in one else what for key, what in other.items()}
    if isinstance(one, list) and isinstance(other, list):
        return one + [each for each in other if each not in one]
    return one if one == other else f"{one} {other}"

"""Whether this process serves, and whether the whole shop is well."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from makegood.web.services import services

router = APIRouter(tags=["health"])


@router.get("/health/live")
def live() -> dict[str, str]:
    """This process answers."""
    return {"status": "alive"}


@router.get("/health")
@router.get("/health/ready")
def health(request: Request) -> JSONResponse:
    """The whole shop: database, plug-ins and what each product needs. 503 when something is amiss."""
    shop = services(request)
    issues: dict[str, Any] = {}
    try:
        with shop.database.read() as session:
            session.execute(sa.text("SELECT 1"))
        database = "connected"
    except sa.exc.SQLAlchemyError as error:
        database, issues["database"] = "disconnected", type(error).__name__
    if shop.products.broken:
        issues["brokenProducts"] = shop.products.broken
    missing = {
        product.manifest.id: [f"{c.name}: {c.problem} {c.mend}".strip() for c in product.checks() if c.problem]
        for product in shop.products
    }
    missing = {name: lines for name, lines in missing.items() if lines}
    if missing:
        issues["products"] = missing
    free = shop.objects.free_mb()
    if free < shop.settings.disk_floor_mb:
        issues["disk"] = f"{free} MB free, {shop.settings.disk_floor_mb} MB needed"
    status = "unhealthy" if database == "disconnected" else "degraded" if issues else "healthy"
    content = {
        "status": status, "database": database, "issues": issues, "timestamp": shop.clock.now().isoformat(),
    }  # fmt: skip
    return JSONResponse(content, 200 if status == "healthy" else 503)

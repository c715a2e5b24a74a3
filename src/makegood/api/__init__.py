"""The JSON API under `/api/v1`, health, and downloads."""

from fastapi import APIRouter

from makegood.api import accounts, downloads, drafts, health, orders, products, webhooks


def router() -> APIRouter:
    """All routes of the API."""
    everything = APIRouter()
    v1 = APIRouter(prefix="/api/v1")
    for part in (products, drafts, orders, accounts, webhooks):
        v1.include_router(part.router)
    everything.include_router(v1)
    everything.include_router(downloads.router)
    everything.include_router(health.router)
    return everything

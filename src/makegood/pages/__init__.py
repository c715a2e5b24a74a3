"""The storefront: pages that people see."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from makegood.pages import account, checkout, orders, outbox, storefront
from makegood.pages.errors import error_page
from makegood.pages.shop import ProductShop
from makegood.web.services import Services
from makegood.web.templating import STATIC

__all__ = ["error_page", "install"]


class Statics(StaticFiles):
    """The built files have their content's hash in their names, so a browser may keep them for good."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        keep = "public, max-age=31536000, immutable" if "/dist/" in scope["path"] else "public, max-age=3600"

        async def send_with_age(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start" and message["status"] in (200, 206, 304):
                message["headers"] = [*message["headers"], (b"cache-control", keep.encode())]  # type: ignore[misc]
            await send(message)

        await super().__call__(scope, receive, send_with_age)  # type: ignore[arg-type]


def install(app: FastAPI) -> None:
    """Put the shop's pages, its products' own, and what they are drawn with, into the application."""
    shop = app.state.services
    if not isinstance(shop, Services):
        raise TypeError("pages are installed into an application that has its services")
    for part in (storefront, checkout, orders, account, outbox):
        app.include_router(part.router)
    for product in shop.products:
        app.include_router(product.router(ProductShop(shop, product.manifest.id)))
    app.mount("/static", Statics(directory=STATIC), name="static")

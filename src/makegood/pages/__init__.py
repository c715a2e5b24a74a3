"""The storefront: pages that people see."""

from collections.abc import Callable

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from makegood.kernel import logs
from makegood.pages import account, checkout, orders, outbox, storefront
from makegood.pages.errors import error_page
from makegood.pages.shop import ProductShop
from makegood.web.services import Services
from makegood.web.templating import STATIC

log = logs.get("pages")

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
        gate = Depends(_gate(shop, product.manifest.id, product.manifest.route_prefix))
        try:
            app.include_router(product.router(ProductShop(shop, product.manifest.id)), dependencies=[gate])
        except Exception as error:
            # Its pages go with it, and no other's.
            log.exception("product.quarantined", product=product.manifest.id)
            shop.products.quarantine(product.manifest.id, error)
    for product_id in shop.products.broken:
        app.include_router(_closed(shop, product_id))
    app.mount("/static", Statics(directory=STATIC), name="static")


def _gate(shop: Services, product_id: str, front: str) -> Callable[[Request], None]:
    """What every request to a product's own pages and API passes first: its plug-in works and its tables are there.
    Its front page also says when nothing of it can be sold."""

    def require(request: Request) -> None:
        shop.products.working(product_id)
        if request.url.path.rstrip("/") == front:
            shop.products.on_sale(product_id)

    return require


def _closed(shop: Services, product_id: str) -> APIRouter:
    """The addresses of a plug-in that could not even be asked for its own, as far as they follow from its name."""
    routes = APIRouter(include_in_schema=False)

    def closed() -> None:
        shop.products.working(product_id)

    for front in (f"/{product_id}", f"/api/v1/{product_id}"):
        routes.add_api_route(front, closed, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        routes.add_api_route(front + "/{rest:path}", closed, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return routes

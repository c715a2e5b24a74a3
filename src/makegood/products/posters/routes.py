"""The posters' own pages and API: product page, editor, what can be chosen, and the page behind the QR code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from makegood.kernel.errors import NotFound, Rejected
from makegood.kernel.money import Money
from makegood.product_api import FileSlot, Shop, UnitView
from makegood.products.posters.offer import PAGE_NAMES, SAMPLES, offer, page_size
from makegood.products.posters.options import PAGES, PosterOptions

LISTENING = "listen"
SAMPLE = re.compile(r"[a-z0-9-]+\.webp")
MOST_CODE = 32
SHARED_NAME = "sound-poster.m4a"
"""What the recording is called for whoever has the poster: the owner's files name the order, which is theirs alone."""


class DownloadNotAllowed(NotFound):
    code = "SOUND_NOT_SHARED"
    customer = "Whoever made this poster did not share the recording for download. You can listen to it here."
    operator = "The owner of {code} doesn't allow the recording's download."


class NotPaidYet(Rejected):
    code = "PAYMENT_REQUIRED"
    status = 402
    customer = "This order has not been paid yet. Nothing was charged."
    operator = "The order {number} is not paid."


def router(shop: Shop) -> APIRouter:
    """The routes of this product in one shop."""
    # The product imports this module, so it is there only now.
    from makegood.products.posters.product import PRICES, product

    routes = APIRouter()
    pages = _Pages(shop, product.files, PRICES)
    routes.add_api_route("/posters", pages.product, include_in_schema=False)
    routes.add_api_route("/posters/samples/{name}", pages.sample, include_in_schema=False)
    routes.add_api_route("/posters/{draft_id}", pages.editor, include_in_schema=False)
    routes.add_api_route("/api/v1/posters/offer", pages.offer, tags=["posters"], summary="What can be chosen")
    routes.add_api_route(
        "/api/orders/{order_id}/complete", pages.complete, methods=["POST"], tags=["posters"],
        summary="What has become of an order, in the shape that an earlier shop's clients know",
    )  # fmt: skip
    routes.add_api_route("/L/{code}", pages.listen, include_in_schema=False)
    routes.add_api_route("/l/{code}", pages.lower, include_in_schema=False)
    routes.add_api_route("/L/{code}/sound", pages.sound, include_in_schema=False)
    routes.add_api_route("/L/{code}/poster", pages.picture, include_in_schema=False)
    return routes


class _Pages:
    """The handlers; each asks the shop for what is the caller's."""

    def __init__(self, shop: Shop, files: Sequence[FileSlot], prices: Mapping[str, int]) -> None:
        self._shop, self._files, self._prices = shop, files, prices

    def product(self, request: Request) -> Response:
        """What a sound poster is, samples, prices, and the button that begins one."""
        rows = [
            {"name": PAGE_NAMES[page], "size": page_size(page), "price": self._money(self._prices[page])}
            for page in PAGES
        ]
        samples = [each for each in offer(self._files)["templates"] if each["sample"]]
        return self._shop.page(request).render(
            "posters/product.html", prices=rows, samples=samples, price_from=self._money(min(self._prices.values()))
        )

    def sample(self, name: str) -> Response:
        """A picture of a template, made by this product from pictures of our own."""
        path = SAMPLES / name
        if not SAMPLE.fullmatch(name) or not path.is_file():
            raise NotFound(sample=name[:40])
        return FileResponse(path, media_type="image/webp", headers={"Cache-Control": "public, max-age=86400"})

    def editor(self, request: Request, draft_id: str) -> Response:
        """The editor of the caller's draft."""
        page = self._shop.page(request)
        with page.draft(draft_id) as draft:
            price = self._money(self._prices[_poster(draft.options).page])
        return page.render("posters/editor.html", draft_id=draft_id, price_from=price, price_note="")

    def offer(self) -> dict[str, Any]:
        """Templates, pages, waves, colours, papers, lettering, and words to begin with."""
        return offer(self._files)

    def complete(self, request: Request, order_id: str) -> dict[str, Any]:
        """Tell the owner what there is; 402 while unpaid. It starts nothing, so it may be asked any number of times."""
        order = self._shop.page(request).order(order_id)
        if not order.paid:
            raise NotPaidYet(number=order.number)
        pdfs = [artefact["url"] for artefact in order.artefacts if artefact["name"] == "poster.pdf"]
        return {
            "order_id": order.number,
            "status": order.state,
            "email": order.email,
            "email_sent": order.told,
            "download_url": pdfs[0] if pdfs else None,
            "artefacts": list(order.artefacts),
        }

    def listen(self, request: Request, code: str) -> Response:
        """The page behind the QR code: the poster, its words, and the player."""
        if code != code.upper():
            return RedirectResponse(f"/L/{code.upper()}", 301)
        page = self._shop.page(request)
        with page.unit_by_code(LISTENING, code[:MOST_CODE]) as unit:
            options = _poster(unit.options)
            if "listening.json" not in unit.artefacts:
                ended = unit.refunded
                return page.render("posters/listen-waiting.html", 410 if ended else 200, options=options, ended=ended)
            heard = json.loads(unit.artefacts["listening.json"].path.read_text())
            return page.render(
                "posters/listen.html",
                code=code,
                options=options,
                wave=json.dumps([round(value, 3) for value in heard["wave"]], separators=(",", ":")),
                seconds=heard["seconds"],
                size=unit.artefacts["sound.m4a"].size,
            )

    def lower(self, code: str) -> Response:
        """Some readers give the address in lower case."""
        return RedirectResponse(f"/L/{code.upper()}", 301)

    def sound(self, request: Request, code: str, download: bool = False) -> Response:
        """The recording, with ranges; as a download only where the owner allows it."""
        page = self._shop.page(request)
        with page.unit_by_code(LISTENING, code[:MOST_CODE]) as unit:
            file = _artefact(unit, "sound.m4a")
            if download and not _poster(unit.options).allow_download:
                raise DownloadNotAllowed(code=code)
            return page.file(file.asset_id, download_as=SHARED_NAME if download else None)

    def picture(self, request: Request, code: str) -> Response:
        """The poster as a picture for screens."""
        page = self._shop.page(request)
        with page.unit_by_code(LISTENING, code[:MOST_CODE]) as unit:
            return page.file(_artefact(unit, "poster.jpg").asset_id)

    def _money(self, minor: int) -> str:
        return Money(minor, self._shop.settings["currency"]).format()


def _artefact(unit: UnitView, name: str) -> Any:
    if name not in unit.artefacts:
        raise NotFound(artefact=name, unit=unit.id)
    return unit.artefacts[name]


def _poster(options: object) -> PosterOptions:
    if not isinstance(options, PosterOptions):
        raise TypeError("these are not a poster's options")
    return options

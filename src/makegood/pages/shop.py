"""What a product's own pages receive: the caller's drafts, units by their public codes, templates, files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from makegood.fulfillment.units import UnitEnded, view_unit
from makegood.kernel.errors import NotFound
from makegood.notify.models import MailState, of_order
from makegood.orders.reading import unit_id_by_code
from makegood.pages.rendering import pages_of
from makegood.product_api import DraftView, InputFile, OrderView, UnitView
from makegood.storage.assets import Asset, AssetGone
from makegood.storage.objects import ObjectDamaged, ObjectMissing
from makegood.storage.orphans import note_missing
from makegood.web.callers import caller, own_order
from makegood.web.order_view import order_json
from makegood.web.services import Services, services


class ProductShop:
    """Implements `product_api.Shop` for one product."""

    def __init__(self, shop: Services, product_id: str) -> None:
        self._shop, self._product_id = shop, product_id

    def page(self, request: Request) -> ProductPage:
        return ProductPage(request, self._product_id)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What a product's pages may say of the shop."""
        found = self._shop.settings
        return {"shop_name": found.shop_name, "currency": found.currency, "public_url": found.public_address}


class ProductPage:
    """Implements `product_api.PageContext` for one request."""

    def __init__(self, request: Request, product_id: str) -> None:
        self._request, self._shop, self._product_id = request, services(request), product_id
        self._handed_out: dict[str, InputFile] = {}

    @contextmanager
    def draft(self, draft_id: str) -> Iterator[DraftView]:
        who = caller(self._request)
        if self._shop.drafts.get(who, draft_id).product_id != self._product_id:
            raise NotFound(draft=draft_id[:40], product=self._product_id)
        with self._shop.drafts.view(who, draft_id) as view:
            self._hand_out(view.files)
            yield view

    @contextmanager
    def unit_by_code(self, purpose: str, code: str) -> Iterator[UnitView]:
        with self._shop.database.read() as session:
            unit = self._unit(session, unit_id_by_code(session, self._product_id, purpose, code))
            self._hand_out(unit.artefacts)
            yield unit

    def _unit(self, session: Session, unit_id: str) -> UnitView:
        """With what was made: what its customer had given for it may be gone by now."""
        try:
            return view_unit(session, self._shop.objects, self._shop.products, unit_id, given=False)
        except AssetGone as error:
            raise UnitEnded(unit=unit_id, **error.facts) from error
        except (ObjectMissing, ObjectDamaged) as error:
            # As with a download, whoever comes first tells the sweep that this has to be rebuilt.
            lost = session.scalar(sa.select(Asset.id).where(Asset.key == error.facts["key"]))
            if lost is not None:
                note_missing(self._shop.database, self._shop.clock, lost)
            raise

    def order(self, number: str) -> OrderView:
        order = own_order(self._request, number)
        if all(line.product_id != self._product_id for line in order.lines):
            raise NotFound(order=number[:40], product=self._product_id)
        seen = order_json(self._shop, order.id)
        with self._shop.database.read() as session:
            mails = [mail for mail in of_order(session, order.id) if mail.key.startswith("delivered/")]
        return OrderView(
            number=order.number,
            state=seen["state"],
            paid=order.paid_at is not None,
            email=order.email,
            told=any(mail.state == MailState.ACCEPTED for mail in mails),
            artefacts=tuple(artefact for unit in seen["units"] for artefact in unit["artefacts"]),
        )

    def render(self, template: str, /, status: int = 200, **values: Any) -> Response:
        return pages_of(self._request).page(self._request, template, status, **values)

    def file(self, asset_id: str, *, download_as: str | None = None) -> Response:
        file = self._handed_out.get(asset_id)
        if file is None:
            raise NotFound(asset=asset_id)
        headers = {"ETag": f'"{file.sha256}"', "Cache-Control": "private, max-age=3600"}
        return FileResponse(file.path, media_type=file.media_type, filename=download_as, headers=headers)

    def _hand_out(self, files: Mapping[str, InputFile]) -> None:
        for file in files.values():
            self._handed_out[file.asset_id] = file
            self._hand_out(file.derived)

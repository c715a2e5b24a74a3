"""What is on sale."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from makegood.web.services import services

router = APIRouter(tags=["products"])


@router.get("/products")
def list_products(request: Request) -> list[dict[str, Any]]:
    """Every product that can be bought now, with the files it takes and the schema of its options."""
    return [
        {
            "id": product.manifest.id,
            "name": product.manifest.name,
            "summary": product.manifest.summary,
            "route_prefix": product.manifest.route_prefix,
            "beta": product.manifest.beta,
            "files": [
                {
                    "name": slot.name, "label": slot.label, "max_bytes": slot.max_bytes, "accept": slot.accept,
                    "required": slot.required,
                }
                for slot in product.files
            ],
            "options_schema": product.options.model_json_schema(),
        }
        for product in services(request).products.can_be_bought()
    ]  # fmt: skip

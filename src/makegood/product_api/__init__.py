"""The contract between the platform and a product: Protocols and data classes, nothing else.

A product receives a context and returns data; it never imports the platform.
"""

from makegood.product_api.contexts import Links, MakeContext, PageContext, Shop, WorkContext
from makegood.product_api.product import Product
from makegood.product_api.things import (
    Artefact,
    Check,
    CodeSpec,
    CommitmentTerm,
    DerivedFile,
    DraftView,
    FileSlot,
    InputFile,
    Inspection,
    Manifest,
    OrderView,
    Preview,
    PriceLine,
    UnitView,
)

__all__ = [
    "Artefact",
    "Check",
    "CodeSpec",
    "CommitmentTerm",
    "DerivedFile",
    "DraftView",
    "FileSlot",
    "InputFile",
    "Inspection",
    "Links",
    "MakeContext",
    "Manifest",
    "OrderView",
    "PageContext",
    "Preview",
    "PriceLine",
    "Product",
    "Shop",
    "UnitView",
    "WorkContext",
]

"""The contract between the platform and a product: a base class, Protocols and data classes, nothing else.

A product receives a context and returns data; it never imports the platform.
"""

from makegood.product_api.contexts import (
    GenerateContext,
    Links,
    MakeContext,
    OutsideContext,
    PageContext,
    Shop,
    StepContext,
    WorkContext,
)
from makegood.product_api.options import OFFERED, OFFERED_MARK
from makegood.product_api.product import NoOptions, NoPreview, NoSuchFile, Product
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
    JobTerms,
    Manifest,
    OrderView,
    Preview,
    PriceLine,
    UnitView,
)

__all__ = [
    "OFFERED",
    "OFFERED_MARK",
    "Artefact",
    "Check",
    "CodeSpec",
    "CommitmentTerm",
    "DerivedFile",
    "DraftView",
    "FileSlot",
    "GenerateContext",
    "InputFile",
    "Inspection",
    "JobTerms",
    "Links",
    "MakeContext",
    "Manifest",
    "NoOptions",
    "NoPreview",
    "NoSuchFile",
    "OrderView",
    "OutsideContext",
    "PageContext",
    "Preview",
    "PriceLine",
    "Product",
    "Shop",
    "StepContext",
    "UnitView",
    "WorkContext",
]

"""What the doctor, health and start-up look at: one thing a file."""

from makegood.proof.checks.clock import ClockIsRight
from makegood.proof.checks.database import DatabaseAnswers
from makegood.proof.checks.engine import EngineAnswers, SomebodyWorks
from makegood.proof.checks.host import DiskHasRoom, MemoryHasRoom
from makegood.proof.checks.letters import LettersAreThere
from makegood.proof.checks.mail import MailServerKnowsUs
from makegood.proof.checks.payments import ProvidersKnowUs
from makegood.proof.checks.products import ProductsAreWhole
from makegood.proof.checks.schema import CoreSchemaIsWhole, ModelsLoad, ProductSchemasAreWhole
from makegood.proof.checks.settings import SettingsAreKnown
from makegood.proof.checks.storage import StoreWorks

__all__ = [
    "ClockIsRight",
    "CoreSchemaIsWhole",
    "DatabaseAnswers",
    "DiskHasRoom",
    "EngineAnswers",
    "LettersAreThere",
    "MailServerKnowsUs",
    "MemoryHasRoom",
    "ModelsLoad",
    "ProductSchemasAreWhole",
    "ProductsAreWhole",
    "ProvidersKnowUs",
    "SettingsAreKnown",
    "SomebodyWorks",
    "StoreWorks",
]

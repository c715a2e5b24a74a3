"""What a product's author tests with: a conformance kit and a crash kit, on a workbench and on real processes."""

from makegood.testing.bench import Example, Made, Workbench
from makegood.testing.conformance import CHECKS, Conformance, problems, run
from makegood.testing.crash import JOB_PLACES, MOMENTS, PLATFORM_PLACES, CrashKit, discovered, own_places
from makegood.testing.mails import MailServer
from makegood.testing.servers import Server, free_port, until
from makegood.testing.shop import Customer, Provider, Shop

__all__ = [
    "CHECKS",
    "JOB_PLACES",
    "MOMENTS",
    "PLATFORM_PLACES",
    "Conformance",
    "CrashKit",
    "Customer",
    "Example",
    "Made",
    "MailServer",
    "Provider",
    "Server",
    "Shop",
    "Workbench",
    "discovered",
    "free_port",
    "own_places",
    "problems",
    "run",
    "until",
]

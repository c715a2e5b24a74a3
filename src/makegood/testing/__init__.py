"""What a product's author tests with: real processes, a conformance kit and a crash kit."""

from makegood.testing.mails import MailServer
from makegood.testing.servers import Server, free_port, until
from makegood.testing.shop import Customer, Provider, Shop

__all__ = ["Customer", "MailServer", "Provider", "Server", "Shop", "free_port", "until"]

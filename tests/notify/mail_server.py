"""A mail server to talk to."""

from makegood.testing import MailServer, free_port

__all__ = ["MailServer", "free_port"]

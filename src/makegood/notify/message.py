"""A mail row as the bytes of a message: the same bytes however often it is sent."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from makegood.notify.errors import HeaderInjection, SenderInvalid
from makegood.notify.models import Mail


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: a name, and an address whose domain also names the messages."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def read_sender(text: str) -> Sender:
    """`Name <address>` from the settings, or `SenderInvalid`."""
    name, address = parseaddr(text)
    local, _, domain = address.rpartition("@")
    if not local or not domain or not address.isascii() or _has_control(text) or " " in address:
        raise SenderInvalid(value=text)
    return Sender(name=name, address=address)


def check_header(header: str, value: str) -> str:
    """The value, if it can't end its header line early; else `HeaderInjection`."""
    if _has_control(value):
        raise HeaderInjection(header=header, value=value)
    return value


def check_recipient(address: str) -> str:
    """The address, if it is one bare ASCII address; else `HeaderInjection`."""
    local, _, domain = check_header("To", address).partition("@")
    is_bare = address.isascii() and "=?" not in address and not any(sign in address for sign in ' ,;:<>()[]"\\')
    if not is_bare or not local or not domain or "@" in domain:
        raise HeaderInjection(header="To", value=address)
    return address


def compose(mail: Mail) -> bytes:
    """The message to hand to a server. Order mails are personal answers: they carry no list headers."""
    message = EmailMessage(policy=SMTP)
    sender = read_sender(str(mail.headers["From"]))
    message["From"] = Address(display_name=sender.name, addr_spec=sender.address)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = mail.message_id
    for name, value in mail.headers.items():
        if name != "From":
            message[name] = check_header(name, str(value))
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_{mail.id}")
    return message.as_bytes()


def _has_control(text: str) -> bool:
    return any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in text)

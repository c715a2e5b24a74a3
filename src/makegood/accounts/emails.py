"""Reading an e-mail address as one canonical, sendable form."""

from __future__ import annotations

import re

import idna

from makegood.accounts.errors import EmailInvalid

MAX_LENGTH = 254
MAX_LOCAL = 64
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def read_email(text: str) -> str:
    """Exactly one address in the one form in which it is kept, compared and sent to; else `EmailInvalid`.

    The domain becomes lower-case ASCII (IDNA). The part before the @ is lower-cased too: no mail service tells
    `Anna@` from `anna@`, and people type both. Quoted, non-ASCII and IP-literal forms can't be relied on to receive
    mail, so they are refused while the customer can still choose another address. Source: RFC 5321, 4.1.2 and 4.5.3.
    """
    address = text.strip()
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise EmailInvalid(reason="it needs one @ with something on both sides")
    local = local.lower()
    # `=?` begins an encoded word in a header (RFC 2047), whatever it was meant to be.
    if len(local) > MAX_LOCAL or "=?" in local or not _LOCAL.fullmatch(local):
        raise EmailInvalid(reason="the part before the @ is too long or has signs that mail can't carry")
    host = _read_domain(domain)
    if len(local) + 1 + len(host) > MAX_LENGTH:
        raise EmailInvalid(reason=f"it is longer than {MAX_LENGTH} characters")
    return f"{local}@{host}"


def _read_domain(domain: str) -> str:
    try:
        host = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise EmailInvalid(reason=f"the domain is not one ({error})") from None
    if "." not in host or host.endswith(".") or host.rpartition(".")[2].isdigit():
        raise EmailInvalid(reason="the domain is not a full one")
    return host

"""Settings: `MAKEGOOD_…` from the environment, with embedded defaults that need nothing."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from makegood.kernel.ids import new_secret


class Settings(BaseSettings):
    """Everything that an owner can set. Paths below `home`; durations in the unit that the name says."""

    model_config = SettingsConfigDict(
        env_prefix="MAKEGOOD_", extra="ignore", frozen=True, ignored_types=(cached_property,)
    )

    home: Path = Path("var")
    env: Literal["development", "test", "production"] = "development"
    shop_name: str = "Makegood"
    public_url: str = ""
    host: str = "127.0.0.1"
    trusted_proxies: str = "127.0.0.1,::1"
    """Whose `X-Forwarded-For` is believed: addresses and networks with commas between, `*` for anybody's. Tries are
    counted by network address, and behind a proxy that isn't named here all visitors have the same one."""
    port: int = 8000
    secret: str = ""
    database_url: str = ""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    tax_percent: float = Field(default=0, ge=0, le=100)

    mail_from: str = "Makegood <shop@localhost>"
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"

    sandbox_url: str = ""
    sandbox_in_production: bool = False
    sandbox_key: str = ""
    sandbox_webhook_secret: str = ""

    test_clock_seconds: float = 0
    """How wrong this process's clock is: a rehearsal, heeded only with `env` set to test."""

    draft_hours: float = 24
    payment_minutes: float = 60
    deadline_hours: float | None = None
    """Overrides every product's own deadline, for rehearsals."""
    quote_minutes: int = 60
    sign_in_minutes: int = 30
    session_days: int = 30
    console_idle_minutes: float = 30
    console_hours: float = 12
    """How long an operator stays signed in at most, idle or not."""
    operator_link_hours: float = 24
    sweep_seconds: float = 5
    probe_seconds: float = 60
    """How often what stays owed after delivery is looked at."""
    housekeeping_seconds: float = 60
    retention_seconds: float = 3600
    """How often files that nobody needs are deleted."""
    unpaid_days: float = Field(default=7, ge=0)
    """How long the files of an order are kept after nobody can pay it any more."""
    paid_input_days: float | None = Field(default=None, ge=0)
    """How long a customer's files are kept after the later of delivery and payment; for ever if not set."""
    delivery_days: float | None = Field(default=None, ge=0)
    """How long what was made can be downloaded, from the later of making and payment; for ever if not set."""
    abandoned_days: float = Field(default=0, ge=0)
    """How long the files of what could not be made are kept once its money is back."""
    engine_days: float = Field(default=30, ge=0)
    """How long the engine's records of work that has ended are kept."""
    orphan_hours: float = Field(default=24, ge=0)
    """How old an object without a row must be before it counts as left over."""
    orphan_seconds: float = 6 * 3600
    """How often the store is compared with its rows, both ways."""
    unheld_hours: float = 1
    """How long an object may be without a hold: between its upload and the draft that takes it."""
    reconcile_seconds: float = 60
    """How often the providers' own lists are compared with the books."""
    stray_hours: float = 72
    """How long an operator has to look at money that belongs to no order before it goes back."""
    poll_seconds: float = 5
    """How often queues are looked into where nothing wakes the process."""
    lease_seconds: float = 10
    """How long a process that works may be silent before others take over what it was doing."""
    retry_seconds: float = 2
    disk_floor_mb: int = 512
    memory_floor_mb: int = 128
    uploads_at_once: int = Field(default=16, ge=1)
    """How many files customers may be uploading to one process at the same time."""
    upload_stall_seconds: float = Field(default=30, gt=0)
    """How long an upload may take to bring hardly anything before it is ended."""
    migrate_at_start: bool = True
    """Where migrations are a step of the deployment, the start only looks and says what is pending."""
    log_mb: int = Field(default=4, ge=0, le=1024)
    """How much of the recent log each of the three files in the home's folder `logs` keeps; 0 keeps none."""
    work: bool = True
    """Whether `makegood serve` also works; without it, `makegood worker` processes do."""

    alert_urls: str = ""
    """Where alerts go: addresses as apprise writes them, with commas between."""
    alert_seconds: float = 60
    alert_repeat_hours: float = 6
    alert_late_share: float = Field(default=0.5, gt=0, le=1)
    """The share of its deadline after which something undelivered counts as late."""
    alert_stuck_attempts: int = Field(default=3, ge=1)
    """After how many attempts with the same error something counts as stuck."""
    alert_after_minutes: float = 10
    """How long a refund, a mail or a notification may fail before somebody is told."""

    workers: int = Field(default=4, ge=1, le=64)
    isolated_processes: int = Field(default=2, ge=1, le=32)

    @property
    def address(self) -> str:
        """Where the shop listens."""
        return f"http://{self.host}:{self.port}"

    @property
    def public_address(self) -> str:
        """What goes into links, mails and QR codes: no trailing slash."""
        return (self.public_url or self.address).rstrip("/")

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the shop's database."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'shop.db'}"

    @cached_property
    def signing_key(self) -> bytes:
        """The shop's secret: as set, else generated once into the home."""
        return (self.secret or _kept_secret(self.home, "secret")).encode()

    @cached_property
    def sandbox_api_key(self) -> str:
        return self.sandbox_key or _kept_secret(self.home, "sandbox-key")

    @cached_property
    def sandbox_signing_secret(self) -> str:
        return self.sandbox_webhook_secret or _kept_secret(self.home, "sandbox-webhook-secret")


def _kept_secret(home: Path, name: str) -> str:
    """A secret that is made once and kept in the home, readable by its owner only."""
    path = home / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = path.read_text()
        if kept:
            return kept
        # A kill between creating and writing leaves an empty file: nothing was ever signed with it.
        path.unlink()
        return _kept_secret(home, name)
    with os.fdopen(handle, "w") as file:
        secret = new_secret()
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret

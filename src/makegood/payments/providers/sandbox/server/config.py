"""What the sandbox must be told before it can run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from makegood.kernel.errors import Misconfigured


class SandboxMisconfigured(Misconfigured):
    """A setting of the sandbox is absent or can't work."""

    code = "SANDBOX_MISCONFIGURED"
    operator = "The sandbox can't run: {problem}"


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Settings of one sandbox.

    `public_url` is where browsers reach the server (no path) and `base_path` where the app is mounted there:
    `"/sandbox"` inside the shop, `""` alone at the root. `webhook_url` receives every event. `open_console`
    shows the console to anyone; otherwise it asks for the API key or for `Sandbox.console_url()`.
    """

    database: Path
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    webhook_url: str
    public_url: str
    base_path: str = "/sandbox"
    open_console: bool = False

    def __post_init__(self) -> None:
        if len(self.api_key) < 16 or len(self.webhook_secret) < 16:
            raise SandboxMisconfigured(problem="the API key and the webhook secret need at least 16 characters")
        if self.api_key == self.webhook_secret:
            raise SandboxMisconfigured(problem="the API key and the webhook secret must differ")
        if self.base_path and (not self.base_path.startswith("/") or self.base_path.endswith("/")):
            raise SandboxMisconfigured(problem="base_path is empty or starts with / and doesn't end with it")
        for name, url in (("webhook_url", self.webhook_url), ("public_url", self.public_url)):
            if not url.startswith(("http://", "https://")):
                raise SandboxMisconfigured(problem=f"{name} is not an http or https address")

    @property
    def root(self) -> str:
        """The sandbox's own address, without a slash at its end."""
        return self.public_url.rstrip("/") + self.base_path

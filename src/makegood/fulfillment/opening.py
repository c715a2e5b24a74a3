"""Whether a file opens as what it says it is: what is asked of a file that no product vouches for."""

from __future__ import annotations

import json
import mimetypes
import re
import zipfile
from pathlib import Path

from makegood.kernel.errors import Rejected

UNKNOWN = "application/octet-stream"


class FileDoesNotOpen(Rejected):
    code = "FILE_DOES_NOT_OPEN"
    customer = "This file can't be opened."
    operator = "{file} does not open as {media_type}: {problem}"


def media_type_of(path: Path) -> str:
    """The media type that the file's name claims; `FileDoesNotOpen` if it claims none."""
    media_type = mimetypes.guess_type(path.name)[0]
    if media_type is None:
        raise FileDoesNotOpen(file=path.name, media_type=UNKNOWN, problem="its name does not say what it is")
    return media_type


def require_opens(path: Path, media_type: str) -> None:
    """Read the file through; raises `FileDoesNotOpen`. It is to run isolated: whatever reads files can crash."""
    try:
        _read(path, media_type)
    except (OSError, ValueError, SyntaxError, RuntimeError, zipfile.BadZipFile, ImportError) as error:
        raise FileDoesNotOpen(file=path.name, media_type=media_type, problem=str(error)[:200]) from error


def artefact_name(path: Path) -> str:
    """The name under which the file is downloaded: plain ASCII, so that it is safe in an address."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name).strip(".-")
    if not plain:
        raise FileDoesNotOpen(file=path.name, media_type="a file", problem="its name has no plain letters or digits")
    return plain


def _read(path: Path, media_type: str) -> None:
    if path.stat().st_size == 0:
        raise ValueError("it is empty")
    if media_type == "application/pdf":
        import pypdfium2

        document = pypdfium2.PdfDocument(path)
        if len(document) == 0:
            raise ValueError("it has no pages")
        document[0].render(scale=0.2)
    elif media_type.startswith("image/") and media_type != "image/svg+xml":
        from PIL import Image

        with Image.open(path) as picture:
            picture.load()
    elif media_type.startswith(("audio/", "video/")):
        import av

        with av.open(str(path)) as container:
            if not sum(1 for _ in container.decode()):
                raise ValueError("nothing in it can be played")
    elif media_type == "application/zip":
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            if broken:
                raise ValueError(f"{broken} in it is damaged")
    elif media_type == "application/json":
        json.loads(path.read_bytes())
    elif media_type.startswith("text/") or media_type == "image/svg+xml":
        path.read_text(encoding="utf-8")
    else:
        raise ValueError("we have nothing that reads such files, so nobody could tell whether it is whole")

"""Artefacts, opened by a grant."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from makegood.web.callers import fetcher
from makegood.web.services import services

router = APIRouter(tags=["downloads"])


@router.get("/d/{token}/{name}")
def download(request: Request, token: str, name: str) -> FileResponse:
    """The file, with ranges, again and again; 410 once its money has been given back."""
    file = services(request).downloads.open(token, name, fetcher(request))
    headers = {"ETag": f'"{file.sha256}"', "Cache-Control": "private, no-cache", "Content-Security-Policy": "sandbox"}
    return FileResponse(file.path, media_type=file.media_type, filename=file.file_name, headers=headers)

"""Send the files of the web console to browsers; knows nothing of what is in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from loquent.domain.errors import NotFoundError

PACKAGE: Final = "loquent.console"
INDEX: Final = "index.html"

MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)
"""What is sent at all, and as what: whatever ends otherwise stays in the package."""

WAVE_STYLE: Final = "sha256-7Wn/5ghbhb9U5yM332FZpa4jDUilNGJdZ87eJ6XZFBA="
"""The one stylesheet that stands in no file: wavesurfer.js writes it beside the wave."""

_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")

_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cache-control": "no-cache",  # kept, and asked for again: an upgrade is seen at once
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "microphone=(self), camera=(), geolocation=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
)


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """One file as it is sent."""

    content: bytes
    media_type: str
    etag: str


def add_console_routes(app: FastAPI, *, is_served: bool) -> None:
    """Add the console at `/`, and what it loads, if it is to be served."""
    if not is_served:
        return

    async def show_console(request: Request) -> Response:
        """Show the console."""
        return _answer(request, console_files()[INDEX])

    async def show_console_file(request: Request, path: str) -> Response:
        """Send a file of the console."""
        found = console_files().get(path)
        if found is None or path == INDEX:
            raise NotFoundError("The console has no file of this name.")
        return _answer(request, found)

    app.add_api_route("/", show_console, methods=["GET"], include_in_schema=False)
    app.add_api_route(
        "/console/{path:path}", show_console_file, methods=["GET"], include_in_schema=False
    )


@cache
def console_files() -> Mapping[str, ConsoleFile]:
    """Read every file that may be sent, by its path: no name that is not here can be asked for."""
    return MappingProxyType(dict(_read(files(PACKAGE), "")))


def content_security_policy(host: str) -> str:
    """Return what a page of the console may load, and whom it may speak to.

    Args:
        host: as the browser named it. Not every browser counts sockets under 'self'.
    """
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' '{WAVE_STYLE}'",
            "img-src 'self'",
            "media-src 'self' blob:",
            f"connect-src 'self'{sockets}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _read(folder: Traversable, prefix: str) -> Iterator[tuple[str, ConsoleFile]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
            continue
        media_type = MEDIA_TYPES.get(entry.name[entry.name.rfind(".") :])
        if media_type is not None:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            yield prefix + entry.name, ConsoleFile(content, media_type, etag)


def _answer(request: Request, file: ConsoleFile) -> Response:
    headers = {
        **_HEADERS,
        "content-security-policy": content_security_policy(request.headers.get("host", "")),
        "etag": file.etag,
    }
    known = request.headers.get("if-none-match", "")
    if file.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)

"""Give every request an id; knows nothing of what the request asks."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import Headers
from starlette.types import Scope

REQUEST_ID_HEADER = "x-request-id"

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def choose_request_id(scope: Scope) -> str:
    """Return the caller's own id where it is safe to repeat in headers and logs, else a new one."""
    return _offered(scope) or f"req_{uuid.uuid4().hex}"


def row_id(scope: Scope) -> str:
    """Return what a request is called in the books: its id, made unlike any other.

    A caller may send one id for many requests, and each of them counts.
    """
    request_id: str = scope["loquent.request_id"]
    return f"{request_id}.{uuid.uuid4().hex[:16]}" if _offered(scope) else request_id


def _offered(scope: Scope) -> str:
    """Return the caller's own id, "" where there is none that may be repeated."""
    offered = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    return offered if _WELL_FORMED.fullmatch(offered) else ""

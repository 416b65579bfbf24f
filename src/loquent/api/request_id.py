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
    offered = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
    return offered if _WELL_FORMED.fullmatch(offered) else f"req_{uuid.uuid4().hex}"

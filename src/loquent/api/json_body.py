"""Read a JSON body of bounded size; knows no field."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from loquent.domain.errors import (
    InvalidRequestError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)

_JSON = "application/json"


async def receive_json(
    content_type: str | None, chunks: AsyncIterator[bytes], max_bytes: int
) -> dict[str, Any]:
    """Return the object in the body.

    Raises: UnsupportedMediaTypeError, PayloadTooLargeError; InvalidRequestError: if it is no object
        in JSON.
    """
    if (content_type or "").partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaTypeError(f"Send the body as JSON, with Content-Type: {_JSON}.")
    raw = bytearray()
    async for chunk in chunks:
        raw += chunk
        if len(raw) > max_bytes:
            raise PayloadTooLargeError(f"The body is larger than {max_bytes} bytes.")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("The body is not JSON that can be read.") from error
    if not isinstance(body, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return body

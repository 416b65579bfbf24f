"""What every error on the wire must look like."""

from __future__ import annotations

from typing import Any

import httpx2


def assert_envelope(response: httpx2.Response, status: int) -> dict[str, Any]:
    """Check the form of an error and return its `error` object."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    body = response.json()
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert error["code"] is None or isinstance(error["code"], str)
    assert ("detail" in body) is (status == 422)
    for leak in ("Traceback", "/src/", "site-packages", "canary"):
        assert leak not in response.text
    return dict(error)

"""Turn what goes wrong with a provider into our errors; no key and no address gets through."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import (
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

MAX_RETRY_AFTER_S = 3_600.0
"""A provider that asks for more is asked again after this long."""

_LONGEST_REASON = 300
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff]+")
_ADDRESS = re.compile(r"\b(?:https?|wss?)://\S+")
_SECRET = re.compile(r"\b(?:sk|gsk|lq|xi|dg|key|token|bearer)[-_ ][\w*.-]{6,}", re.IGNORECASE)
_PLACES_OF_REASONS = ("message", "detail", "err_msg", "error", "reason", "error_message")

_TIMEOUTS = {408, 504, 524}
_THROTTLES = {425, 429, 529}
_KEY_TROUBLE = {401, 402, 403}


def failure_of_status(
    access: ProviderAccess, status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamError:
    """Return the error that an answer of this status is."""
    reason = _reason(access, body)
    told = f": {reason}" if reason else "."
    if status in _KEY_TROUBLE:
        return UpstreamKeyError(
            f"{access.id} answered {status} to the key of this server; its operator must see to it."
        )
    if status in _TIMEOUTS:
        return UpstreamTimeoutError(f"{access.id} answered {status}, too late{told}")
    if status in _THROTTLES:
        return UpstreamThrottledError(
            f"{access.id} wants fewer requests{told}", retry_after_s=retry_after_s(headers)
        )
    if status >= 500:
        return UpstreamUnavailableError(
            f"{access.id} answered {status}{told}", retry_after_s=retry_after_s(headers)
        )
    if status >= 400:
        return UpstreamRejectedError(f"{access.id} does not accept this request{told}")
    return UpstreamError(f"{access.id} answered {status}, which means nothing here.")


def unreadable(access: ProviderAccess, what: str) -> UpstreamError:
    """Return the error of an answer that is not as the provider documents it."""
    return UpstreamError(f"{access.id} sent an answer that cannot be read: {what}.")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how long a provider wants to be left alone, None where it does not say."""
    text = headers.get("retry-after-ms")
    if text is not None and (millis := _number(text)) is not None:
        return _bounded(millis / 1000)
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _number(text)
    if seconds is None:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return _bounded(seconds)


def cleaned(access: ProviderAccess, text: str) -> str:
    """Return what a provider wrote, fit to be shown: short, without keys and addresses."""
    if access.api_key:
        text = text.replace(access.api_key, "***")
    text = _SECRET.sub("***", _ADDRESS.sub("***", _UNPRINTABLE.sub(" ", text)))
    return text.strip()[:_LONGEST_REASON]


def _reason(access: ProviderAccess, body: bytes) -> str:
    """Find the sentence for people in the body of an error."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    except RecursionError:
        return ""
    return cleaned(access, _sentence(found))


def _sentence(found: Any) -> str:
    if isinstance(found, str):
        return found
    if isinstance(found, list) and found:
        return _sentence(found[0])
    if isinstance(found, dict):
        for place in _PLACES_OF_REASONS:
            if found.get(place):
                return _sentence(found[place])
        if isinstance(found.get("msg"), str):
            return str(found["msg"])
    return ""


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)

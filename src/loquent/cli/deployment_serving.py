"""Find out whether a server serves deployments, from what it tells without a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import httpx2

from loquent.api.system import DEPLOYMENT_FAILED
from loquent.cli.asking import segment

ASK_TIMEOUT_S: Final = 5.0


class Served(StrEnum):
    """How far a deployment is, as tables show it."""

    READY = "ready"
    ASLEEP = "asleep"
    LOADING = "loading"
    FAILED = "failed"
    NOT_THERE = "not served"
    """A server answers, and knows nothing of it."""
    NOWHERE = "no server"
    """Nobody answers."""


def all_served(url: str, deployment_ids: Iterable[str]) -> Mapping[str, Served]:
    """Return how far each deployment is at the server of this address."""
    found: dict[str, Served] = {}
    is_there = True
    for each in deployment_ids:
        found[each] = served(url, each) if is_there else Served.NOWHERE
        is_there = found[each] is not Served.NOWHERE
    return found


def served(url: str, deployment_id: str) -> Served:
    """Return how far a deployment is at the server of this address."""
    address = f"{url.rstrip('/')}/deployments/{segment(deployment_id)}/readyz"
    try:
        return _told(httpx2.get(address, timeout=ASK_TIMEOUT_S))
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return Served.NOWHERE


def nobody_answers(url: str) -> str:
    """Say what becomes of a deployment where no server runs."""
    return f"no server answers at {url}; it will be served when `loquent serve` runs"


def _told(response: httpx2.Response) -> Served:
    try:
        body = response.json()
        match response.status_code:
            case 200:
                return Served(body["status"])
            case 503:
                is_failed = body["error"]["code"] == DEPLOYMENT_FAILED
                return Served.FAILED if is_failed else Served.LOADING
            case _:
                return Served.NOT_THERE
    except (ValueError, KeyError, TypeError):
        return Served.NOT_THERE  # another program listens there

"""The shapes of answers about endpoints and prices; computes nothing."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel

from loquent.domain.endpoints import DataProtection, Detail, Preference
from loquent.domain.pricing import PriceUnit
from loquent.routing.price_list import Feature


class RouteReason(BaseModel):
    """Why an endpoint cannot serve; `param` is the request field that it cannot meet."""

    reason: str
    param: str | None


class RouteCandidate(BaseModel):
    """An endpoint beside the request it may serve; the least score comes first."""

    endpoint: str
    provider: str
    model: str
    region: str | None
    eu_native: bool
    gdpr: DataProtection
    quantization: str | None
    is_able: bool
    is_up: bool
    score: float | None
    price: str
    expected_seconds: float
    queue_wait_seconds: float
    error_rate: float
    retry_in_seconds: float
    last_error: str | None
    derived: list[Detail]
    ignored: list[str]
    reasons: list[RouteReason]


class RouteAnswer(BaseModel):
    """Where a request would go; `choice` is null where nobody could serve it now."""

    object: Literal["route"] = "route"
    model: str
    preference: Preference
    currency: str
    choice: str | None
    candidates: list[RouteCandidate]


class PriceLine(BaseModel):
    """A price for one feature of one endpoint; `price` is exact, in the list's currency.

    `standard_price` is what all lines of the endpoint come to for one hour heard, or a million
    characters spoken; a guess where tokens are charged.
    """

    feature: Feature
    model: str
    endpoint: str
    provider: str
    unit: PriceUnit
    price: str
    standard_price: str
    billed_in_steps_of_seconds: float
    minimum_seconds: float
    valid_from: date | None
    valid_until: date | None
    checked_on: str | None
    region: str | None
    eu_native: bool


class PriceList(BaseModel):
    """What everything costs that this server can reach, the cheapest of each feature first."""

    object: Literal["list"] = "list"
    currency: str
    data: list[PriceLine]

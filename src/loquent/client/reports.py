"""What a server tells of itself: usage, routes and prices; sends requests through openai's client.

Source: the answers of `GET /v1/usage`, `GET /v1/usage/rows`, `POST /v1/route`, `GET /v1/pricing`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, Self, TypeAlias, TypedDict

from openai import AsyncOpenAI, BaseModel, OpenAI
from typing_extensions import Unpack

from loquent.client.fields import Capability, RoutingFields

UsageGroup: TypeAlias = Literal[
    "day",
    "key",
    "project",
    "organisation",
    "model",
    "provider",
    "endpoint",
    "capability",
    "outcome",
]


class UsageFilter(TypedDict, total=False):
    """Which requests count; days are UTC, and both are included."""

    since: date | str
    until: date | str
    key: str
    project: str
    organisation: str
    model: str
    provider: str
    capability: Capability


class RouteFields(RoutingFields, total=False):
    """What a request would ask for."""

    capability: Capability
    details: Sequence[str]
    language: str
    audio_seconds: float
    file_bytes: int
    file_type: str
    characters: int


class PriceFilter(TypedDict, total=False):
    """Which prices are listed."""

    feature: Literal["speech_to_text", "text_to_speech", "translation", "realtime", "diarization"]
    model: str
    provider: str


class _Report(BaseModel):
    """An answer whose amounts are exact."""

    @classmethod
    def construct(cls, _fields_set: set[str] | None = None, **values: object) -> Self:
        """Read an answer; openai's own way leaves decimals as the texts that they are sent as."""
        amounts = {
            name: Decimal(value)
            for name, field in cls.model_fields.items()
            if field.annotation is Decimal and isinstance(value := values.get(name), str)
        }
        return super().construct(_fields_set, **values | amounts)


class UsageFigures(_Report):
    """What was used."""

    requests: int
    failed: int
    audio_ms: int
    audio_seconds: Decimal
    characters: int
    text_tokens: int
    audio_tokens: int
    output_tokens: int
    price: Decimal | None = None
    currency: str | None = None


class UsageLine(UsageFigures):
    """The sum of the requests that agree in `group`."""

    group: dict[str, str]


class UsageReport(BaseModel):
    """Sums of usage, and the sum of them all; it has no price if they are in several currencies."""

    since: date | None = None
    until: date | None = None
    group_by: list[str]
    data: list[UsageLine]
    total: UsageFigures


class UsageRecord(_Report):
    """One request that was worked on."""

    request_id: str
    began_at: str
    key: str
    project: str
    organisation: str
    capability: str
    asked_model: str
    endpoint: str
    provider: str
    model: str
    outcome: str
    status: int
    attempts: int
    audio_ms: int
    audio_seconds: Decimal
    characters: int
    text_tokens: int
    audio_tokens: int
    output_tokens: int
    price: Decimal
    currency: str
    took_ms: int


class _UsagePage(BaseModel):
    data: list[UsageRecord]
    next: str | None = None


class RouteReason(BaseModel):
    """Why an endpoint cannot serve, and the field that it cannot meet."""

    reason: str
    param: str | None = None


class RouteCandidate(_Report):
    """An endpoint beside the request it may serve; the least score is the best."""

    endpoint: str
    provider: str
    model: str
    region: str | None = None
    eu_native: bool
    gdpr: str
    quantization: str | None = None
    is_able: bool
    is_up: bool
    score: float | None = None
    price: Decimal
    expected_seconds: float
    queue_wait_seconds: float
    error_rate: float
    retry_in_seconds: float
    last_error: str | None = None
    derived: list[str]
    ignored: list[str]
    reasons: list[RouteReason]


class RouteAnswer(BaseModel):
    """Where a request would go; `choice` is None where nobody could serve it now."""

    model: str
    preference: str
    currency: str
    choice: str | None = None
    candidates: list[RouteCandidate]


class PriceLine(_Report):
    """A price for one feature of one endpoint."""

    feature: str
    model: str
    endpoint: str
    provider: str
    unit: str
    price: Decimal
    billed_in_steps_of_seconds: float
    minimum_seconds: float
    region: str | None = None
    eu_native: bool


class PriceList(BaseModel):
    """What everything costs that the server can reach, the cheapest of each feature first."""

    currency: str
    data: list[PriceLine]


def _sent(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say something, days as they are written in addresses."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in fields.items()
        if value is not None
    }


def _summing(group_by: Sequence[UsageGroup], wanted: UsageFilter) -> dict[str, Any]:
    return {"group_by": ",".join(group_by), **_sent(wanted)}


class Usage:
    """What was used, as `client.usage`."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def summary(
        self, group_by: Sequence[UsageGroup] = ("day",), **wanted: Unpack[UsageFilter]
    ) -> UsageReport:
        """Sum up what was used."""
        options: Any = {"params": _summing(group_by, wanted)}
        return self._client.get("/usage", cast_to=UsageReport, options=options)

    def rows(self, page_size: int = 100, **wanted: Unpack[UsageFilter]) -> Iterator[UsageRecord]:
        """Yield every request from the oldest on; pages are fetched as they are needed."""
        query = {"limit": page_size, **_sent(wanted)}
        while True:
            options: Any = {"params": query}
            page = self._client.get("/usage/rows", cast_to=_UsagePage, options=options)
            yield from page.data
            if page.next is None:
                return
            query["after"] = page.next


class AsyncUsage:
    """What was used, as `client.usage`."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def summary(
        self, group_by: Sequence[UsageGroup] = ("day",), **wanted: Unpack[UsageFilter]
    ) -> UsageReport:
        """Sum up what was used."""
        options: Any = {"params": _summing(group_by, wanted)}
        return await self._client.get("/usage", cast_to=UsageReport, options=options)

    async def rows(
        self, page_size: int = 100, **wanted: Unpack[UsageFilter]
    ) -> AsyncIterator[UsageRecord]:
        """Yield every request from the oldest on; pages are fetched as they are needed."""
        query = {"limit": page_size, **_sent(wanted)}
        while True:
            options: Any = {"params": query}
            page = await self._client.get("/usage/rows", cast_to=_UsagePage, options=options)
            for record in page.data:
                yield record
            if page.next is None:
                return
            query["after"] = page.next


class Route:
    """Where requests would go, as `client.route`."""

    def __init__(self, client: OpenAI) -> None:
        self._client = client

    def explain(self, model: str, **wanted: Unpack[RouteFields]) -> RouteAnswer:
        """Tell where a request would go and why, without sending it."""
        return self._client.post("/route", cast_to=RouteAnswer, body={"model": model, **wanted})


class AsyncRoute:
    """Where requests would go, as `client.route`."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def explain(self, model: str, **wanted: Unpack[RouteFields]) -> RouteAnswer:
        """Tell where a request would go and why, without sending it."""
        body = {"model": model, **wanted}
        return await self._client.post("/route", cast_to=RouteAnswer, body=body)

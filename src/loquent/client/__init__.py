"""The Python client: the official openai client with Loquent's extras; knows no server code."""

from loquent.client.answers import (
    DiarizedTranscript,
    Receipt,
    SpokenSegment,
    SpokenWord,
    Transcript,
    VerboseSegment,
    VerboseTranscript,
)
from loquent.client.clients import AiBrary, AsyncAiBrary, AsyncLoquent, Loquent
from loquent.client.live import AsyncLiveSession, LiveSession
from loquent.client.live_values import LiveEvent, LiveFinal, LivePartial, LiveWord
from loquent.client.reports import (
    PriceLine,
    PriceList,
    RouteAnswer,
    RouteCandidate,
    RouteReason,
    UsageFigures,
    UsageLine,
    UsageRecord,
    UsageReport,
)

__all__ = [
    "AiBrary",
    "AsyncAiBrary",
    "AsyncLiveSession",
    "AsyncLoquent",
    "DiarizedTranscript",
    "LiveEvent",
    "LiveFinal",
    "LivePartial",
    "LiveSession",
    "LiveWord",
    "Loquent",
    "PriceLine",
    "PriceList",
    "Receipt",
    "RouteAnswer",
    "RouteCandidate",
    "RouteReason",
    "SpokenSegment",
    "SpokenWord",
    "Transcript",
    "UsageFigures",
    "UsageLine",
    "UsageRecord",
    "UsageReport",
    "VerboseSegment",
    "VerboseTranscript",
]

"""What callers used: one row for each request, and sums of rows; knows no table and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from loquent.domain.model import Capability

OK = "ok"
CLIENT_GONE = "client_gone"
"""The caller hung up before the answer was whole."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One request that was worked on; rows are written once and never changed.

    Attributes:
        request_id: as the answer carries it, with more behind it where the caller chose it; a
            second row of the same id changes nothing.
        began_at: when the request came, UTC.
        key: who asked: the id of a key, "" where the server knows no keys.
        project: of the key, "" where it has none.
        organisation: of the project.
        deployment: the id of the one that was asked, "" for what all share.
        asked_model: the name that the request used.
        endpoint: id of the endpoint that served, "" where none did.
        outcome: OK, CLIENT_GONE, or the code of the error that ended it.
        status: of the HTTP answer, or the close code of a socket.
        n_attempts: endpoints that were tried.
        audio_ms: sound that was heard or spoken, by its samples.
        n_characters: of a text that was to be spoken.
        n_text_tokens: that went in as text, where they are counted.
        n_audio_tokens: that went in as sound, where they are counted.
        n_output_tokens: that came out.
        price_micros: millionths of `currency`.
        took_ms: from the request's headers to the end of the work.
    """

    request_id: str
    began_at: datetime
    key: str
    capability: Capability
    asked_model: str
    outcome: str = OK
    status: int = 200
    endpoint: str = ""
    provider: str = ""
    model: str = ""
    n_attempts: int = 0
    audio_ms: int = 0
    n_characters: int = 0
    n_text_tokens: int = 0
    n_audio_tokens: int = 0
    n_output_tokens: int = 0
    price_micros: int = 0
    currency: str = "USD"
    took_ms: int = 0
    project: str = ""
    organisation: str = ""
    deployment: str = ""


class UsageGroup(StrEnum):
    """What usage can be summed by, as spelled on the wire."""

    DAY = "day"
    KEY = "key"
    PROJECT = "project"
    ORGANISATION = "organisation"
    MODEL = "model"
    PROVIDER = "provider"
    ENDPOINT = "endpoint"
    CAPABILITY = "capability"
    OUTCOME = "outcome"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Which rows count; None for all.

    Attributes:
        since: the first day, UTC.
        until: the last day, UTC.
    """

    since: date | None = None
    until: date | None = None
    key: str | None = None
    project: str | None = None
    organisation: str | None = None
    model: str | None = None
    provider: str | None = None
    capability: Capability | None = None
    deployment: str | None = None


@dataclass(frozen=True, slots=True)
class UsageSum:
    """The sum of the rows that agree in what was asked to be summed by.

    Attributes:
        groups: the values they agree in, in the order asked; a day as 2026-08-01.
        n_failed: requests whose outcome is not OK.
    """

    groups: tuple[str, ...]
    n_requests: int
    n_failed: int
    audio_ms: int
    n_characters: int
    n_text_tokens: int
    n_audio_tokens: int
    n_output_tokens: int
    price_micros: int
    currency: str

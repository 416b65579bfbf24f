"""The shapes of questions about usage and of their answers; sums up nothing."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.domain.usage import UsageGroup, UsageQuery

MAX_PAGE_ROWS = 1_000
MAX_CURSOR_CHARACTERS = 200

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _read_day(value: object) -> date:
    """Read a day as 2026-11-30; pydantic would take times and numbers of seconds too."""
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and _ISO_DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:  # such as 31 April
        pass
    raise PydanticCustomError("day", "write a day of the calendar as 2026-11-30")


Day: TypeAlias = Annotated[date, BeforeValidator(_read_day)]


class UsageFilter(BaseModel):
    """Which rows count, as an address says it."""

    # A filter that is misspelled would otherwise count everything, and look like an answer.
    model_config = ConfigDict(extra="forbid")

    since: Day | None = Field(default=None, description="the first day, UTC")
    until: Day | None = Field(default=None, description="the last day, UTC")
    key: str | None = Field(default=None, description="who asked")
    project: str | None = Field(default=None, description="id of the project of the key")
    organisation: str | None = Field(default=None, description="id of its organisation")
    model: str | None = Field(default=None, description="id of the model that served")
    provider: str | None = Field(default=None, description="who served")
    capability: Capability | None = Field(default=None, description="what was asked for")
    deployment: str | None = Field(default=None, description="id of the one that was asked")
    format: Literal["json", "csv"] | None = Field(
        default=None, description="instead of the header Accept"
    )

    def query(self) -> UsageQuery:
        """Return the question to the ledger.

        Raises: UnsupportedOptionError: if the last day lies before the first.
        """
        if self.since and self.until and self.until < self.since:
            raise UnsupportedOptionError(
                f"until: {self.until} lies before since, {self.since}. Both days are included.",
                param="until",
            )
        return UsageQuery(
            since=self.since,
            until=self.until,
            key=self.key,
            project=self.project,
            organisation=self.organisation,
            model=self.model,
            provider=self.provider,
            capability=self.capability,
            deployment=self.deployment,
        )


class UsageQuestion(UsageFilter):
    """What to sum, and by what."""

    group_by: list[UsageGroup] = Field(
        default=[UsageGroup.DAY],
        description="what each line has in common; repeated, or with commas",
    )

    @field_validator("group_by", mode="before")
    @classmethod
    def _split(cls, value: list[str]) -> list[str]:
        names = [name.strip() for item in value for name in item.split(",")]
        for name in names:
            if name not in set(UsageGroup):
                raise PydanticCustomError(
                    "usage_group",
                    "nothing can be summed by {name}; use some of {groups}",
                    {"name": repr(name[:50]), "groups": ", ".join(UsageGroup)},
                )
        return list(dict.fromkeys(names))


class UsageRowsQuestion(UsageFilter):
    """Which page of rows."""

    limit: int = Field(default=100, ge=1, le=MAX_PAGE_ROWS, description="rows of a page in JSON")
    after: str | None = Field(
        default=None, max_length=MAX_CURSOR_CHARACTERS, description="`next` of the page before"
    )


class UsageFigures(BaseModel):
    """What was used; `audio_seconds` is the exact decimal of `audio_ms`."""

    requests: int
    failed: int
    audio_ms: int
    audio_seconds: str
    characters: int
    text_tokens: int
    audio_tokens: int
    output_tokens: int


class Grouped(BaseModel):
    """What the requests of a sum have in common."""

    group: dict[UsageGroup, str]


class UsageLine(UsageFigures, Grouped):
    """The sum of the requests that agree in `group`."""

    price: str
    currency: str


class UsageTotal(UsageFigures):
    """The sum of all lines; it has no price where they are in several currencies."""

    price: str | None
    currency: str | None


class UsageReport(BaseModel):
    """Sums of usage, sorted by their groups."""

    object: Literal["usage"] = "usage"
    since: date | None
    until: date | None
    group_by: list[UsageGroup]
    data: list[UsageLine]
    total: UsageTotal


class UsageRecord(BaseModel):
    """One request that was worked on; `began_at` is in UTC."""

    request_id: str
    began_at: str
    key: str
    project: str
    organisation: str
    capability: Capability
    asked_model: str
    endpoint: str
    provider: str
    model: str
    outcome: str
    status: int
    attempts: int
    audio_ms: int
    audio_seconds: str
    characters: int
    text_tokens: int
    audio_tokens: int
    output_tokens: int
    price: str
    currency: str
    took_ms: int
    deployment: str


class UsagePage(BaseModel):
    """Requests from the oldest on; `next` asks for those after them, null at the end."""

    object: Literal["list"] = "list"
    data: list[UsageRecord]
    next: str | None

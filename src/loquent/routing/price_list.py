"""Lists what endpoints charge, by feature and from the cheapest on; knows no wire and no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.model import Capability
from loquent.domain.pricing import Consumption, Price, PriceUnit, price_micros

MICROS: Final = 1_000_000


class Feature(StrEnum):
    """What a price list has a page for, as spelled on the wire and in the order of the list."""

    SPEECH_TO_TEXT = "speech_to_text"
    TEXT_TO_SPEECH = "text_to_speech"
    TRANSLATION = "translation"
    REALTIME = "realtime"
    DIARIZATION = "diarization"


_CAPABILITIES: Final = {
    Feature.SPEECH_TO_TEXT: Capability.TRANSCRIPTION,
    Feature.TEXT_TO_SPEECH: Capability.SPEECH,
    Feature.TRANSLATION: Capability.TRANSLATION,
    Feature.REALTIME: Capability.REALTIME,
    Feature.DIARIZATION: Capability.DIARIZATION,
}

AN_HOUR_HEARD: Final = Consumption(audio_s=3_600.0, n_audio_tokens=36_000, n_output_tokens=12_000)
"""One hour of fluent speech: 10 tokens of sound a second, and 150 words a minute."""

A_MILLION_CHARACTERS_SPOKEN: Final = Consumption(
    audio_s=62_500.0, n_characters=1_000_000, n_text_tokens=214_000, n_audio_tokens=1_280_000
)
"""A million characters of English: 16 of them a second, and 20.5 tokens of sound."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One line of the price list of one endpoint, for one of the features it has.

    Attributes:
        endpoint: its id, as requests pin it.
        micros: millionths of the currency for one `unit`; 0 where nothing is charged.
        standard_micros: what the endpoint charges in all for one hour heard or a million
            characters spoken; a guess where it charges tokens.
    """

    feature: Feature
    model: str
    endpoint: str
    provider: str
    unit: PriceUnit
    micros: int
    standard_micros: int
    step_s: float
    minimum_s: float
    valid_from: date | None
    valid_until: date | None
    checked_on: str
    region: str
    eu_native: bool

    @property
    def price(self) -> str:
        """The price in the currency itself, exact, without zeros at its end."""
        return _decimal(self.micros)

    @property
    def standard_price(self) -> str:
        """The same of `standard_micros`."""
        return _decimal(self.standard_micros)


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """Which rows are asked for; None for all.

    Attributes:
        model: a name that providers share, or the id of one endpoint.
    """

    feature: Feature | None = None
    model: str | None = None
    provider: str | None = None


def _decimal(micros: int) -> str:
    return f"{Decimal(micros) / MICROS:f}"


def price_list(
    endpoints: Iterable[Endpoint], day: date, query: PriceQuery | None = None
) -> tuple[PriceRow, ...]:
    """Return what `endpoints` charge on `day`, sorted by feature, cost and id.

    The lines of one endpoint stay together, in the order in which it states them.
    """
    wanted = query or PriceQuery()
    rows = [
        row
        for endpoint in endpoints
        if _is_wanted(endpoint, wanted)
        for feature in Feature
        if has_feature(endpoint, feature) and wanted.feature in (None, feature)
        for row in _rows(endpoint, feature, day)
    ]
    order = tuple(Feature)
    return tuple(
        sorted(rows, key=lambda row: (order.index(row.feature), row.standard_micros, row.endpoint))
    )


def has_feature(endpoint: Endpoint, feature: Feature) -> bool:
    """Tell whether `endpoint` has `feature`; whoever tells speakers of what it hears diarizes."""
    if feature is Feature.DIARIZATION and Detail.SPEAKERS in endpoint.details:
        return True
    return _CAPABILITIES[feature] in endpoint.capabilities


def standard_micros(endpoint: Endpoint, feature: Feature, day: date) -> int:
    """Return what `endpoint` charges on `day` for an hour heard, or a million characters spoken."""
    return price_micros(_prices(endpoint, feature), _standard(feature), day)


def _prices(endpoint: Endpoint, feature: Feature) -> tuple[Price, ...]:
    """Return what is charged for a feature; speakers are told by who transcribes, as it does."""
    capability = _CAPABILITIES[feature]
    if capability not in endpoint.capabilities:
        capability = Capability.TRANSCRIPTION
    return endpoint.prices_for(capability)


def _standard(feature: Feature) -> Consumption:
    is_speech = feature is Feature.TEXT_TO_SPEECH
    return A_MILLION_CHARACTERS_SPOKEN if is_speech else AN_HOUR_HEARD


def _is_wanted(endpoint: Endpoint, query: PriceQuery) -> bool:
    return query.model in (None, endpoint.model, endpoint.id) and query.provider in (
        None,
        endpoint.provider,
    )


def _rows(endpoint: Endpoint, feature: Feature, day: date) -> Iterator[PriceRow]:
    cost_micros = standard_micros(endpoint, feature, day)
    is_speech = feature is Feature.TEXT_TO_SPEECH
    unit = PriceUnit.MILLION_CHARACTERS if is_speech else PriceUnit.HOUR
    free = Price(unit=unit, micros=0)
    for line in _prices(endpoint, feature) or (free,):
        if line.holds(day):
            yield PriceRow(
                feature=feature,
                model=endpoint.model,
                endpoint=endpoint.id,
                provider=endpoint.provider,
                unit=line.unit,
                micros=line.micros,
                standard_micros=cost_micros,
                step_s=line.step_s,
                minimum_s=line.minimum_s,
                valid_from=line.valid_from,
                valid_until=line.valid_until,
                checked_on=endpoint.checked_on,
                region=endpoint.region,
                eu_native=endpoint.eu_native,
            )

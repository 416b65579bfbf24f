"""Fill in the rows of the ledger: who served, how much it was, what it costs; writes none."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loquent.api.served import price_of
from loquent.domain.endpoints import Endpoint
from loquent.domain.pricing import MILLIS, Consumption
from loquent.domain.usage import OK, UsageRow


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request that was worked on has ended.

    Attributes:
        status: of the HTTP answer, or the close code of a socket.
        n_attempts: endpoints that were tried, where nobody else counts them.
        is_charged: whether what was used costs anything.
    """

    outcome: str = OK
    status: int = 200
    n_attempts: int = 1
    is_charged: bool = True


ANSWERED = Ending()


def placed_row(row: UsageRow, endpoint: Endpoint | None, n_attempts: int) -> UsageRow:
    """Return `row` with who serves.

    Args:
        endpoint: None where it is none that is known; then the row's own names stand.
    """
    if endpoint is None:
        named = "/".join(filter(None, (row.provider, row.model)))
        return replace(row, endpoint=named, n_attempts=n_attempts)
    return replace(
        row,
        endpoint=endpoint.id,
        provider=row.provider or endpoint.provider,
        model=row.model or endpoint.model,
        n_attempts=n_attempts,
    )


def ended_row(
    row: UsageRow, consumption: Consumption, endpoint: Endpoint | None, ending: Ending
) -> UsageRow:
    """Return `row` with how much was used, at the prices of `endpoint`, and how it ended."""
    prices = endpoint.prices_for(row.capability) if endpoint else ()
    return replace(
        row,
        outcome=ending.outcome,
        status=ending.status,
        audio_ms=round(consumption.audio_s * MILLIS),
        n_characters=consumption.n_characters,
        n_text_tokens=consumption.n_text_tokens,
        n_audio_tokens=consumption.n_audio_tokens,
        n_output_tokens=consumption.n_output_tokens,
        price_micros=price_of(prices, consumption) if ending.is_charged else 0,
    )

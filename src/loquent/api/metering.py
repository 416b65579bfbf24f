"""Write down what each request used before its answer is whole; knows no route and no store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from loquent.api.dialects import dialect_at
from loquent.api.edge import Began
from loquent.api.errors import CLIENT_GONE_STATUS, answered_status, code_of, shown
from loquent.api.request_id import row_id
from loquent.api.served import consumption_of, price_of
from loquent.domain.endpoints import LOCAL_PROVIDER, Endpoint, Served
from loquent.domain.errors import LedgerUnavailableError, LoquentError
from loquent.domain.model import Capability
from loquent.domain.pricing import MILLIS, Consumption
from loquent.domain.speakers import Diarization
from loquent.domain.speech import SpeechPlan
from loquent.domain.transcript import Transcript
from loquent.domain.usage import CLIENT_GONE, OK, UsageRow
from loquent.ports import Ledger

RETRY_AFTER_S = 1.0
"""When to ask again, where the ledger does not say when it will be back."""

STREAMED_STATUS = 200

_log = structlog.get_logger("loquent.api")


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


class Meter:
    """Begins a row for each request, and sees to it that nothing is served that has none.

    Args:
        ledger: None where nothing is written down.
        currency: of all prices.
        endpoints: tells all that there are, whose prices count where nobody was chosen.
    """

    def __init__(
        self,
        ledger: Ledger | None,
        currency: str,
        endpoints: Callable[[], Sequence[Endpoint]] = tuple,
    ) -> None:
        self._ledger = ledger
        self._currency = currency
        self._endpoints = endpoints
        self._has_failed = False
        self._writing: set[asyncio.Task[None]] = set()

    def request(self, scope: Scope, capability: Capability, asked_model: str) -> Use:
        """Return what writes the row of a request that has been understood."""
        began: Began = scope["loquent.began"]
        row = UsageRow(
            request_id=row_id(scope),
            began_at=began.at,
            key=scope.get("loquent.key", ""),
            capability=capability,
            asked_model=asked_model,
            currency=self._currency,
        )
        return Use(self, row, scope)

    async def admit(self) -> None:
        """Ask the ledger whether it is back, if it has failed; cost nothing otherwise.

        Raises: LedgerUnavailableError: if no row could be written now.
        """
        if self._ledger is not None and self._has_failed:
            with self._noticing():
                await self._ledger.check()

    def write(self, row: UsageRow) -> asyncio.Task[None]:
        """Begin to write `row`; nothing but the end of the process stops that."""
        writing = asyncio.create_task(self._record(row))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return writing

    def endpoint(self, provider: str, model: str) -> Endpoint | None:
        """Return the endpoint that is one model at one provider, if there is one."""
        there = (found for found in self._endpoints() if found.id == f"{provider}/{model}")
        return next(there, None)

    async def _record(self, row: UsageRow) -> None:
        if self._ledger is not None:
            with self._noticing():
                await self._ledger.record(row)

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except LedgerUnavailableError as error:
            self._has_failed = True
            if error.retry_after_s is None:
                error.retry_after_s = RETRY_AFTER_S
            raise
        self._has_failed = False


class Use:
    """What one request uses; exactly one row is written of it, by whoever is first to settle.

    Entering it asks for admission, and whatever it is left by ends up in the row: an answer must
    be settled before it is complete.

    Attributes:
        asked_model: the name that the request used.
        served: which endpoint serves, once that is known.
        is_streamed: the answer has begun, so that its status is settled whatever happens.
    """

    def __init__(self, meter: Meter, row: UsageRow, scope: Scope) -> None:
        self._meter = meter
        self._row = row
        self._style = dialect_at(scope["path"]).error_style
        self._began: Began = scope["loquent.began"]
        self._writing: asyncio.Task[None] | None = None
        self.asked_model = row.asked_model
        self.served: Served | None = None
        self.is_streamed = False

    async def __aenter__(self) -> Self:
        """Raises: LedgerUnavailableError: if no row could be written now."""
        await self._meter.admit()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        cause: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._writing is not None:
            await asyncio.gather(asyncio.shield(self._writing), return_exceptions=True)
            return
        assert cause is not None, "an answer is settled before it is complete"
        if isinstance(cause, Exception) and not isinstance(cause, ClientDisconnect):
            await self.fail(shown(cause))
        else:
            await self._write_if_possible(CLIENT_GONE, CLIENT_GONE_STATUS)

    async def settle_transcript(self, transcript: Transcript, served: Served | None) -> None:
        """Write down a transcript that is about to be answered.

        Raises: LedgerUnavailableError: then it must not be.
        """
        self.served = served
        await self.settle(consumption_of(transcript), transcript.provider, transcript.model)

    async def settle_speech(self, plan: SpeechPlan, duration_s: float) -> None:
        """Write down speech whose last sound, or word, is about to be answered.

        Raises: LedgerUnavailableError: then it must not be.
        """
        self.served = plan.served
        provider = plan.served.endpoint.provider if plan.served else LOCAL_PROVIDER
        consumption = Consumption(duration_s, n_characters=plan.n_characters)
        await self.settle(consumption, provider, plan.casting.model)

    async def settle_diarization(self, diarization: Diarization) -> None:
        """Write down who speaks when, about to be answered.

        Raises: LedgerUnavailableError: then it must not be.
        """
        consumption = Consumption(diarization.duration_s)
        await self.settle(consumption, diarization.provider, diarization.model)

    async def settle(
        self, consumption: Consumption, provider: str, model: str, ending: Ending = ANSWERED
    ) -> None:
        """Write down what `model` did; both it and its provider are "" where nobody knows them.

        Raises: LedgerUnavailableError.
        """
        endpoint = self._endpoint(provider, model)
        prices = endpoint.prices_for(self._row.capability) if endpoint else ()
        row = replace(
            self._row,
            outcome=ending.outcome,
            status=ending.status,
            endpoint=endpoint.id if endpoint else "/".join(filter(None, (provider, model))),
            provider=provider,
            model=model,
            n_attempts=len(self.served.attempts) if self.served else ending.n_attempts,
            audio_ms=round(consumption.audio_s * MILLIS),
            n_characters=consumption.n_characters,
            n_text_tokens=consumption.n_text_tokens,
            n_audio_tokens=consumption.n_audio_tokens,
            n_output_tokens=consumption.n_output_tokens,
            price_micros=price_of(prices, consumption) if ending.is_charged else 0,
        )
        await self._write(row)

    async def fail(self, error: LoquentError) -> None:
        """Write down that `error` is about to end the answer, unless it is settled already."""
        if self._writing is None:
            status = answered_status(error, self._style)
            await self._write_if_possible(
                code_of(error), STREAMED_STATUS if self.is_streamed else status
            )

    def _endpoint(self, provider: str, model: str) -> Endpoint | None:
        return self.served.endpoint if self.served else self._meter.endpoint(provider, model)

    def _placed(self) -> UsageRow:
        """Return the row with all that is known of who serves."""
        if self.served is None:
            return self._row
        endpoint = self.served.endpoint
        return replace(
            self._row,
            endpoint=endpoint.id,
            provider=endpoint.provider,
            model=endpoint.model,
            n_attempts=len(self.served.attempts),
        )

    async def _write_if_possible(self, outcome: str, status: int) -> None:
        """Write down an end that costs nothing, and that comes whether that succeeds or not."""
        assert outcome != OK
        with suppress(LedgerUnavailableError):
            await self._write(replace(self._placed(), outcome=outcome, status=status))
            return
        _log.error("usage not written", request_id=self._row.request_id, outcome=outcome)

    async def _write(self, row: UsageRow) -> None:
        took_ms = round((time.perf_counter() - self._began.perf_s) * MILLIS)
        row = replace(row, asked_model=self.asked_model, took_ms=took_ms)
        self._writing = self._meter.write(row)
        # Who waits may be stopped because the caller has left; the row is written all the same.
        await asyncio.shield(self._writing)

"""Write down what each request used before its answer is whole; knows no route and no store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from loquent.api.admission import Admission, Estimated, Gate, Visit
from loquent.api.dialects import dialect_at
from loquent.api.edge import Began
from loquent.api.errors import CLIENT_GONE_STATUS, answered_status, code_of, shown
from loquent.api.request_id import row_id
from loquent.api.served import consumption_of
from loquent.api.usage_rows import ANSWERED, Ending, ended_row, placed_row
from loquent.domain.accounts import Caller
from loquent.domain.endpoints import LOCAL_PROVIDER, Endpoint, Served
from loquent.domain.errors import LedgerUnavailableError, LoquentError
from loquent.domain.limits import SeatKind
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

GONE = Ending(CLIENT_GONE, CLIENT_GONE_STATUS)

_log = structlog.get_logger("loquent.api")


class Meter:
    """Begins a row for each request, and sees to it that nothing is served that has none.

    Args:
        ledger: None where nothing is written down.
        currency: of all prices.
        gate: lets in whoever has room left.
        endpoints: tells all that there are, whose prices count where nobody was chosen.
    """

    def __init__(
        self,
        ledger: Ledger | None,
        currency: str,
        gate: Gate,
        endpoints: Callable[[], Sequence[Endpoint]] = tuple,
    ) -> None:
        self._ledger = ledger
        self._currency = currency
        self._gate = gate
        self._endpoints = endpoints
        self._has_failed = False
        self._writing: set[asyncio.Task[None]] = set()

    def request(
        self, scope: Scope, capability: Capability, asked_model: str, estimate: Estimated
    ) -> Use:
        """Return what writes the row of a request that has been understood."""
        began: Began = scope["loquent.began"]
        caller: Caller = scope["loquent.caller"]
        row = UsageRow(
            request_id=scope.get("loquent.claimed_id") or row_id(scope),
            began_at=began.at,
            key=caller.key_id,
            project=caller.project_id,
            organisation=caller.organisation_id,
            capability=capability,
            asked_model=asked_model,
            currency=self._currency,
            deployment=scope.get("loquent.deployment", ""),
        )
        return Use(self, row, scope, estimate)

    async def admit(self, visit: Visit, estimate: Estimated, headers: dict[str, str]) -> Admission:
        """Let a request in, if its row could be written and its caller has room for it.

        The ledger is asked only if it has failed before.

        Raises: LedgerUnavailableError, RateLimitError, BudgetExceededError; what `estimate` does.
        """
        with self._noticing():
            if self._ledger is not None and self._has_failed:
                await self._ledger.check()
            return await self._gate.admit(visit, estimate, headers)

    def write(self, row: UsageRow, accounts: Sequence[str]) -> asyncio.Task[None]:
        """Begin to write `row`; nothing but the end of the process stops that."""
        writing = asyncio.create_task(self._record(row, accounts))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return writing

    def endpoint(self, provider: str, model: str) -> Endpoint | None:
        """Return the endpoint that is one model at one provider, if there is one."""
        there = (found for found in self._endpoints() if found.id == f"{provider}/{model}")
        return next(there, None)

    async def _record(self, row: UsageRow, accounts: Sequence[str]) -> None:
        if self._ledger is not None:
            with self._noticing():
                await self._ledger.record(row, accounts)

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
    be settled before it is complete. Who cannot enter and leave it by the context admits, settles
    or fails it, and leaves.

    Attributes:
        asked_model: the name that the request used.
        served: which endpoint serves, once that is known.
        done: how much has been done; it is charged if the caller hangs up.
        is_streamed: the answer has begun, so that its status is settled whatever happens.
    """

    def __init__(self, meter: Meter, row: UsageRow, scope: Scope, estimate: Estimated) -> None:
        self._meter = meter
        self._row = row
        self._scope = scope
        self._estimate = estimate
        self._caller: Caller = scope["loquent.caller"]
        self._headers: dict[str, str] = scope["loquent.headers"]
        self._admission: Admission | None = None
        self._style = dialect_at(scope["path"]).error_style
        self._began: Began = scope["loquent.began"]
        self._writing: asyncio.Task[None] | None = None
        self.asked_model = row.asked_model
        self.served: Served | None = None
        self.done = Consumption()
        self.is_streamed = False

    async def __aenter__(self) -> Self:
        """Raises: as `admit` does."""
        await self.admit()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        cause: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        try:
            await self._end(cause)
        finally:
            await self.leave()

    async def admit(self) -> None:
        """Ask to be let in.

        Raises: LedgerUnavailableError, RateLimitError, BudgetExceededError; what the estimate does.
        """
        is_live = self._row.capability is Capability.REALTIME
        kind = SeatKind.SESSIONS if is_live else SeatKind.REQUESTS
        visit = Visit(self._caller, kind, self._row.request_id, self._row.began_at)
        self._admission = await self._meter.admit(visit, self._estimate, self._headers)

    async def hear(self, heard_s: float) -> None:
        """Take what a live session has heard so far.

        Raises: RateLimitError, BudgetExceededError, LedgerUnavailableError.
        """
        if self._admission is not None:
            await self._admission.hear(heard_s)

    async def leave(self) -> None:
        """Make room for others."""
        if self._admission is not None:
            await self._admission.leave()

    async def _end(self, cause: BaseException | None) -> None:
        if self._writing is not None:
            await asyncio.gather(asyncio.shield(self._writing), return_exceptions=True)
            return
        assert cause is not None, "an answer is settled before it is complete"
        if isinstance(cause, Exception) and not isinstance(cause, ClientDisconnect):
            await self.fail(shown(cause))
        else:
            await self._write_if_possible(GONE)

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
        n_attempts = len(self.served.attempts) if self.served else ending.n_attempts
        row = placed_row(replace(self._row, provider=provider, model=model), endpoint, n_attempts)
        row = ended_row(row, consumption, endpoint, ending)
        if self._admission is not None:
            self._admission.settle(row.price_micros)
        await self._write(row)

    async def fail(self, error: LoquentError) -> None:
        """Write down that `error` is about to end the answer, unless it is settled already."""
        self._scope["loquent.has_failed"] = True
        if self._writing is None:
            status = answered_status(error, self._style)
            shown_status = STREAMED_STATUS if self.is_streamed else status
            await self._write_if_possible(Ending(code_of(error), shown_status, is_charged=False))

    def _endpoint(self, provider: str, model: str) -> Endpoint | None:
        return self.served.endpoint if self.served else self._meter.endpoint(provider, model)

    async def _write_if_possible(self, ending: Ending) -> None:
        """Write down an end that comes whether that succeeds or not."""
        assert ending.outcome != OK
        row, endpoint = self._row, self.served.endpoint if self.served else None
        if self.served is not None:
            row = placed_row(row, endpoint, len(self.served.attempts))
        used = self.done if ending.is_charged else Consumption()
        with suppress(LedgerUnavailableError):
            await self._write(ended_row(row, used, endpoint, ending))
            return
        _log.error("usage not written", request_id=self._row.request_id, outcome=ending.outcome)

    async def _write(self, row: UsageRow) -> None:
        took_ms = round((time.perf_counter() - self._began.perf_s) * MILLIS)
        row = replace(row, asked_model=self.asked_model, took_ms=took_ms)
        self._writing = self._meter.write(row, self._caller.account_ids)
        try:
            # Who waits may be stopped because the caller has left; it is written all the same.
            await asyncio.shield(self._writing)
        except LedgerUnavailableError:
            self._scope["loquent.is_row_doubtful"] = True
            raise

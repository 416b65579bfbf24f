"""Rows of requests: one for each, whatever ends it, and none without the ledger's word."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from loquent.api.admission import Gate
from loquent.api.edge import Began
from loquent.api.live.closing import Closing
from loquent.api.live.drain import DrainingError
from loquent.api.live.metered import MeteredSession, SessionUse
from loquent.api.metering import RETRY_AFTER_S, Meter, Use
from loquent.domain.accounts import (
    Account,
    Caller,
)
from loquent.domain.endpoints import Attempt, Served
from loquent.domain.errors import (
    EngineError,
    InvalidRequestError,
    LedgerUnavailableError,
    LoquentError,
    ModelNotFoundError,
    RateLimitError,
)
from loquent.domain.live import LiveRequest, SoundEncoding, SoundFormat
from loquent.domain.model import Capability
from loquent.domain.pricing import Consumption, Price, PriceUnit
from loquent.domain.rates import RateLimits
from loquent.domain.speech import Casting, SpeechPlan
from loquent.domain.transcript import Task, TokenCount, Transcript
from loquent.domain.usage import CLIENT_GONE, OK
from tests.fakes.estimated import FREE, FakeEstimate
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.fake_limiter import FakeLimiter
from tests.fakes.fake_live_transcriber import FakeLiveSession
from tests.fakes.fake_transcriber import Gate as Passage
from tests.unit.routing.places import per_hour, place

NEAR = place("near", prices=per_hour(3_600_000))
TRANSCRIPT = Transcript(Task.TRANSCRIBE, "Hello.", "en", 2.4, (), "large", "near")
CALLER = Caller("static", "proj_p", "org_o", accounts=(Account("static"), Account("proj_p")))
SERVED = Served(NEAR, (Attempt("far/large", "upstream_error", 0.2), Attempt(NEAR.id, "ok", 1.0)))


def scope(path: str = "/v1/audio/transcriptions") -> dict[str, Any]:
    named = {"request_id": "req_1", "caller": CALLER, "began": Began.now(), "headers": {}}
    ours = {f"loquent.{name}": value for name, value in named.items()}
    return {"type": "http", "path": path, "headers": [], **ours}


def meter_of(ledger: FakeLedger | None, gate: Gate | None = None) -> Meter:
    return Meter(ledger, "EUR", gate or Gate(None, None, "EUR"), lambda: (NEAR,))


def request(
    ledger: FakeLedger | None,
    capability: Capability = Capability.TRANSCRIPTION,
    path: str = "/v1/audio/transcriptions",
) -> Use:
    return meter_of(ledger).request(scope(path), capability, "whisper-1", FREE)


async def settled(use: Use) -> None:
    async with use:
        await use.settle_transcript(TRANSCRIPT, SERVED)


async def test_a_transcript_is_written_with_all_that_it_took() -> None:
    ledger = FakeLedger()
    await settled(request(ledger))
    row = ledger.only()
    assert (row.request_id, row.key, row.asked_model) == ("req_1", "static", "whisper-1")
    assert (row.project, row.organisation) == ("proj_p", "org_o")
    assert (row.outcome, row.status, row.n_attempts) == (OK, 200, 2)
    assert (row.endpoint, row.provider, row.model) == ("near/large", "near", "large")
    assert (row.audio_ms, row.price_micros, row.currency) == (2_400, 2_400, "EUR")
    assert row.took_ms >= 0


async def test_tokens_are_those_that_a_provider_counted() -> None:
    ledger = FakeLedger()
    counted = Transcript(
        Task.TRANSCRIBE, "", None, 1.0, (), "large", "near", counted=TokenCount(3, 50, 7)
    )
    async with request(ledger) as use:
        await use.settle_transcript(counted, SERVED)
    row = ledger.only()
    assert (row.n_text_tokens, row.n_audio_tokens, row.n_output_tokens) == (3, 50, 7)


async def test_speech_costs_its_characters() -> None:
    endpoint = place("near", prices=(Price(PriceUnit.MILLION_CHARACTERS, 15_000_000),))
    served = Served(endpoint, (Attempt(endpoint.id, "ok", 0.1),))
    plan = SpeechPlan(Casting("large", (("hum", 1.0),), "en"), 24_000, 40, served=served)
    ledger = FakeLedger()
    async with request(ledger, Capability.SPEECH) as use:
        await use.settle_speech(plan, 1.25)
    row = ledger.only()
    assert (row.capability, row.provider, row.model) == (Capability.SPEECH, "near", "large")
    assert (row.n_characters, row.audio_ms, row.price_micros) == (40, 1_250, 600)


async def test_where_nobody_was_chosen_the_prices_of_the_one_that_served_count() -> None:
    ledger = FakeLedger()
    async with request(ledger) as use:
        await use.settle_transcript(TRANSCRIPT, None)
    row = ledger.only()
    assert (row.endpoint, row.n_attempts, row.price_micros) == ("near/large", 1, 2_400)


@pytest.mark.parametrize(
    ("cause", "path", "outcome", "status"),
    [
        (ModelNotFoundError("none"), "/v1/x", "model_not_found", 404),
        (EngineError("broken"), "/v1/x", "engine_error", 500),
        (RuntimeError("canary"), "/v1/x", "internal_error", 500),
        (InvalidRequestError("bad"), "/v1/x", "invalid_request_error", 400),
        (InvalidRequestError("bad"), "/v0/x", "invalid_request_error", 422),
        (ClientDisconnect(), "/v1/x", CLIENT_GONE, 499),
        (asyncio.CancelledError(), "/v1/x", CLIENT_GONE, 499),
    ],
)
async def test_what_ends_a_request_is_written_and_costs_nothing(
    cause: BaseException, path: str, outcome: str, status: int
) -> None:
    ledger = FakeLedger()
    with pytest.raises(type(cause)):
        async with request(ledger, path=path):
            raise cause
    row = ledger.only()
    assert (row.outcome, row.status) == (outcome, status)
    assert (row.price_micros, row.audio_ms, row.n_attempts) == (0, 0, 0)


async def test_an_answer_that_has_begun_keeps_its_status_and_its_endpoint() -> None:
    ledger = FakeLedger()
    async with request(ledger) as use:
        use.served, use.is_streamed = SERVED, True
        await use.fail(EngineError("broken"))
    row = ledger.only()
    assert (row.outcome, row.status, row.endpoint) == ("engine_error", 200, "near/large")
    assert (row.n_attempts, row.price_micros) == (2, 0)


async def cut_short(use: Use, cause: Exception) -> None:
    async with use:
        use.served, use.done = SERVED, Consumption(1.5)
        raise cause


async def test_who_hangs_up_pays_for_what_was_done() -> None:
    with pytest.raises(ClientDisconnect):
        await cut_short(request(ledger := FakeLedger()), ClientDisconnect())
    row = ledger.only()
    assert (row.outcome, row.status, row.endpoint) == (CLIENT_GONE, 499, "near/large")
    assert (row.audio_ms, row.price_micros, row.n_attempts) == (1_500, 1_500, 2)


async def test_what_the_server_fails_at_is_free_however_much_was_done() -> None:
    with pytest.raises(EngineError):
        await cut_short(request(ledger := FakeLedger()), EngineError("broken"))
    assert (ledger.only().audio_ms, ledger.only().price_micros) == (0, 0)


async def test_a_request_that_was_claimed_keeps_the_name_of_its_row() -> None:
    ledger = FakeLedger()
    claimed = {**scope(), "loquent.claimed_id": "req_0"}
    await settled(meter_of(ledger).request(claimed, Capability.TRANSCRIPTION, "whisper-1", FREE))
    assert ledger.only().request_id == "req_0"


async def test_a_seat_is_given_up_whatever_ends_the_request() -> None:
    limiter = FakeLimiter()
    meter = meter_of(FakeLedger(), Gate(limiter, None, "EUR"))
    limits = RateLimits(concurrent_requests=1, requests_per_minute=9)
    asked = scope() | {"loquent.caller": Caller("k", accounts=(Account("k", limits),))}

    def another() -> Use:
        return meter.request(asked, Capability.TRANSCRIPTION, "whisper-1", FREE)

    await settled(another())
    for cause in (EngineError("broken"), ClientDisconnect(), asyncio.CancelledError()):
        with pytest.raises(type(cause)):
            async with another():
                raise cause
    assert len(limiter.entered) == 4
    assert not any(limiter.seated.values())
    assert asked["loquent.headers"]["x-ratelimit-remaining-requests"] == "5"


async def test_whoever_settles_first_is_the_only_one() -> None:
    ledger = FakeLedger()

    async def work() -> None:
        async with request(ledger) as use:
            await use.settle_transcript(TRANSCRIPT, SERVED)
            await use.fail(EngineError("too late"))
            raise EngineError("much too late")

    with pytest.raises(EngineError):
        await work()
    assert ledger.only().outcome == OK


async def test_an_answer_that_nobody_settles_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="settled"):
        async with request(FakeLedger()):
            pass


@pytest.mark.parametrize("settles", [True, False])
async def test_a_row_is_written_although_who_waits_for_it_is_stopped(*, settles: bool) -> None:
    ledger = FakeLedger(gate := Passage())

    async def work() -> None:
        async with request(ledger) as use:
            if settles:
                await use.settle_transcript(TRANSCRIPT, SERVED)
            raise ClientDisconnect

    working = asyncio.create_task(work())
    await asyncio.to_thread(gate.reached.wait)
    working.cancel()
    assert not ledger.rows_written
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await working
    row = await asyncio.to_thread(ledger.awaited)
    assert row.outcome == (OK if settles else CLIENT_GONE)


async def test_without_a_ledger_nothing_is_written_or_refused() -> None:
    await settled(request(None))


async def test_a_ledger_that_fails_withholds_the_answer_and_says_when_to_return() -> None:
    with pytest.raises(LedgerUnavailableError) as refused:
        await settled(request(FakeLedger(is_down=True)))
    assert refused.value.retry_after_s == RETRY_AFTER_S


@pytest.mark.parametrize("is_down", [True, False])
async def test_what_became_of_a_row_stands_in_the_scope(*, is_down: bool) -> None:
    asked = scope()
    meter = meter_of(FakeLedger(is_down=is_down))
    use = meter.request(asked, Capability.TRANSCRIPTION, "whisper-1", FREE)
    with pytest.raises(EngineError):
        await cut_short(use, EngineError("broken"))
    assert asked["loquent.has_failed"]
    assert asked.get("loquent.is_row_doubtful", False) == is_down


async def test_a_ledger_that_fails_does_not_hide_what_went_wrong() -> None:
    with pytest.raises(EngineError):
        async with request(FakeLedger(is_down=True)):
            raise EngineError("broken")


async def test_a_ledger_known_to_fail_is_asked_before_work_and_never_else() -> None:
    ledger = FakeLedger()
    meter = meter_of(ledger)

    def another() -> Use:
        return meter.request(scope(), Capability.TRANSCRIPTION, "whisper-1", FREE)

    await settled(another())
    assert ledger.n_checks == 0
    ledger.is_down = True
    with pytest.raises(LedgerUnavailableError):
        await settled(another())
    n_tries = ledger.n_tries
    for n_checks in (1, 2):
        with pytest.raises(LedgerUnavailableError) as refused:
            await another().__aenter__()
        assert refused.value.retry_after_s == RETRY_AFTER_S
        assert (ledger.n_checks, ledger.n_tries) == (n_checks, n_tries)
    ledger.is_down = False
    await settled(another())
    await settled(another())
    assert (ledger.n_checks, len(ledger.rows_written)) == (3, 3)


def session(ledger: FakeLedger, sound: SoundFormat) -> tuple[SessionUse, MeteredSession]:
    use = SessionUse(request(ledger, Capability.REALTIME))
    use.asked_model, use.last = "large", TRANSCRIPT
    return use, MeteredSession(FakeLiveSession(LiveRequest("large", sound)), sound, use)


@pytest.mark.parametrize(
    ("sound", "n_bytes", "audio_ms"),
    [
        (SoundFormat(16_000), 32_000, 1_000),
        (SoundFormat(16_000), 48, 2),  # 24 samples: 1.5 ms
        (SoundFormat(44_100), 88_201, 1_000),  # half a sample is none
        (SoundFormat(48_000, SoundEncoding.PCM_F32LE), 192_000, 1_000),
        (SoundFormat(8_000, SoundEncoding.PCM_MULAW), 8_000, 1_000),
        (SoundFormat(8_000, SoundEncoding.PCM_ALAW), 4_000, 500),
    ],
)
async def test_the_sound_of_a_session_is_counted_in_samples(
    sound: SoundFormat, n_bytes: int, audio_ms: int
) -> None:
    use, hearing = session(ledger := FakeLedger(), sound)
    await hearing.hear(bytes(n_bytes // 3))
    await hearing.hear(bytes(n_bytes - n_bytes // 3))
    await hearing.clear()
    await use.end(Closing(1000), 1006)
    row = ledger.only()
    assert (row.audio_ms, row.n_attempts, row.asked_model) == (audio_ms, 1, "large")
    assert row.price_micros == audio_ms


async def test_sound_counts_in_the_format_that_it_was_changed_to() -> None:
    use, hearing = session(ledger := FakeLedger(), SoundFormat(16_000))
    await hearing.configure(LiveRequest("large", SoundFormat(8_000, SoundEncoding.PCM_MULAW)))
    await hearing.hear(bytes(8_000))
    await use.end(None, 1000)
    assert ledger.only().audio_ms == 1_000


@pytest.mark.parametrize(
    ("closing", "left_with", "outcome", "status", "is_charged"),
    [
        (Closing(1000), 1006, OK, 1000, True),
        (None, 1000, OK, 1000, True),
        (None, 1001, OK, 1001, True),
        (None, 1005, OK, 1005, True),
        (None, 1006, CLIENT_GONE, 1006, True),
        (Closing(3008, "idle: nothing", "idle"), 1006, "idle", 3008, True),
        (Closing.of(InvalidRequestError("x")), 1006, "invalid_request_error", 1008, True),
        (Closing.of(EngineError("x")), 1006, "engine_error", 1011, False),
        (Closing.of(LoquentError("x", code="internal_error")), 1006, "internal_error", 1011, False),
        (Closing.of(LedgerUnavailableError("x")), 1006, "ledger_unavailable", 1013, False),
    ],
)
async def test_a_session_is_written_as_it_ended_and_failures_of_the_server_are_free(
    closing: Closing | None, left_with: int, outcome: str, status: int, *, is_charged: bool
) -> None:
    use, hearing = session(ledger := FakeLedger(), SoundFormat(16_000))
    await hearing.hear(bytes(32_000))
    await use.end(closing, left_with)
    row = ledger.only()
    assert (row.outcome, row.status) == (outcome, status)
    assert row.price_micros == 1_000 * is_charged


async def test_a_session_over_its_limit_is_completed_and_paid() -> None:
    ledger, limiter = FakeLedger(), FakeLimiter()
    limits = RateLimits(audio_seconds_per_minute=1, concurrent_sessions=1)
    asked = scope() | {"loquent.caller": Caller("k", accounts=(Account("k", limits),))}
    meter = meter_of(ledger, Gate(limiter, None, "EUR"))
    inner = meter.request(asked, Capability.REALTIME, "large", FakeEstimate())
    await inner.admit()
    use, sound = SessionUse(inner), SoundFormat(16_000)
    use.asked_model, use.last = "large", TRANSCRIPT
    hearing = MeteredSession(FakeLiveSession(LiveRequest("large", sound)), sound, use)
    await hearing.hear(bytes(32_000))
    assert any(limiter.seated.values())
    with pytest.raises(DrainingError):
        await hearing.hear(bytes(16_000))
    assert isinstance(use.refusal, RateLimitError)
    await use.end(Closing.of(use.refusal), 1006)
    row = ledger.only()
    assert (row.outcome, row.status) == ("rate_limit_exceeded", 1013)
    assert (row.audio_ms, row.price_micros) == (1_500, 1_500)
    assert not any(limiter.seated.values())


async def test_a_session_that_nobody_took_names_no_endpoint() -> None:
    ledger = FakeLedger()
    use = SessionUse(request(ledger, Capability.REALTIME))
    await use.end(Closing.of(ModelNotFoundError("none")), 1006)
    row = ledger.only()
    assert (row.endpoint, row.provider, row.model, row.n_attempts) == ("", "", "", 0)


async def test_what_was_used_of_an_unknown_endpoint_is_free() -> None:
    ledger = FakeLedger()
    async with request(ledger) as use:
        await use.settle(Consumption(1.0), "far", "small")
    row = ledger.only()
    assert (row.endpoint, row.price_micros) == ("far/small", 0)

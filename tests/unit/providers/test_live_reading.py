"""Frames of live providers, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import UpstreamError, UpstreamKeyError, UpstreamThrottledError
from loquent.domain.live import Final, LiveUpdate, SpeechStarted, SpeechStopped
from loquent.providers.assemblyai.live import AssemblyAiDialect
from loquent.providers.deepgram.live import DeepgramDialect
from loquent.providers.live_dialect import (
    Began,
    Done,
    Guessed,
    LiveDialect,
    Ready,
    Stopped,
    Understood,
)
from loquent.providers.live_ledger import LiveLedger
from loquent.providers.openai.live import MAX_TEXT_CHARACTERS, OpenAiDialect
from tests.unit.providers.live_talk import asked

ACCESS = ProviderAccess("vendor", "vendor", "https://vendor.example", "sk-key-0123456789")
ITEM = "conversation.item.input_audio_transcription"
BUFFER = "input_audio_buffer"

_DIALECTS: dict[str, Callable[[], LiveDialect]] = {
    "openai": lambda: OpenAiDialect(ACCESS, "m", asked()),
    "deepgram": lambda: DeepgramDialect(ACCESS, ends_by_silence=True),
    "assemblyai": lambda: AssemblyAiDialect(ACCESS),
}

_WORD = {"word": "a", "text": "a", "start": 0.1, "end": 0.2, "confidence": 0.5}
_GOOD: list[tuple[str, dict[str, Any]]] = [
    (
        "deepgram",
        {
            "type": "Results",
            "start": 0.1,
            "duration": 0.2,
            "is_final": True,
            "speech_final": True,
            "from_finalize": False,
            "channel": {"alternatives": [{"transcript": "a", "words": [_WORD]}]},
        },
    ),
    ("deepgram", {"type": "SpeechStarted", "timestamp": 0.5}),
    ("deepgram", {"type": "Error", "description": "x"}),
    (
        "assemblyai",
        {
            "type": "Turn",
            "turn_order": 0,
            "end_of_turn": True,
            "turn_is_formatted": True,
            "transcript": "a",
            "words": [_WORD],
            "language_code": "en",
        },
    ),
    ("assemblyai", {"type": "SpeechStarted", "timestamp": 5}),
    ("assemblyai", {"type": "Error", "error_code": 3005, "error": "x"}),
    ("openai", {"type": f"{BUFFER}.speech_started", "item_id": "i", "audio_start_ms": 1}),
    ("openai", {"type": f"{BUFFER}.speech_stopped", "item_id": "i", "audio_end_ms": 1}),
    ("openai", {"type": f"{BUFFER}.committed", "item_id": "i"}),
    ("openai", {"type": f"{ITEM}.delta", "item_id": "i", "delta": "a"}),
    ("openai", {"type": f"{ITEM}.completed", "item_id": "i", "transcript": "a"}),
    ("openai", {"type": f"{ITEM}.failed", "item_id": "i", "error": {"message": "a"}}),
    ("openai", {"type": "error", "error": {"message": "a", "code": "b", "type": "c"}}),
]
_ODD_VALUES: list[Any] = ["x", None, [], {}, [1], [[]], {"words": 1}, 1e300, -5, 10**400, True, 0.5]


@pytest.mark.parametrize("name_and_frame", _GOOD, ids=lambda pair: str(pair[1]["type"]))
def test_an_odd_field_is_tolerated_or_told_as_an_error_of_the_provider(
    name_and_frame: tuple[str, dict[str, Any]],
) -> None:
    name, frame = name_and_frame
    variants = [{**frame, field: odd} for field in frame for odd in _ODD_VALUES]
    variants += [{f: v for f, v in frame.items() if f != field} for field in frame]
    if "words" in frame:
        variants += [
            {**frame, "words": [{**_WORD, field: odd}]} for field in _WORD for odd in _ODD_VALUES
        ]
    n_refused = 0
    for variant in variants:
        ledger = LiveLedger(asked(), "vendor", "m")
        try:
            for result in _DIALECTS[name]().read(json.dumps(variant)):
                ledger.take(result, 0.0)
        except UpstreamError:
            n_refused += 1
    assert n_refused > 0


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "-2", "1e9"])
def test_times_that_are_no_times_are_told_as_errors(value: str) -> None:
    frame = '{"type": "Results", "duration": 1, "start": ' + value + "}"
    with pytest.raises(UpstreamError, match="'start' of a frame is no"):
        list(_DIALECTS["deepgram"]().read(frame))


def test_the_key_is_not_repeated_from_what_a_provider_writes() -> None:
    error = {"type": "error", "error": {"message": f"bad thing: {ACCESS.api_key}"}}
    with pytest.raises(UpstreamError) as caught:
        list(_DIALECTS["openai"]().read(json.dumps(error)))
    assert ACCESS.api_key not in caught.value.message
    assert "bad thing" in caught.value.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [("invalid_api_key", UpstreamKeyError), ("rate_limit_exceeded", UpstreamThrottledError)],
)
def test_an_error_of_openai_is_told_by_its_code(code: str, kind: type[Exception]) -> None:
    error = {"type": "error", "error": {"type": "x", "code": code, "message": "no"}}
    with pytest.raises(kind):
        list(_DIALECTS["openai"]().read(json.dumps(error)))


def test_an_item_whose_text_does_not_end_ends_the_session() -> None:
    dialect = _DIALECTS["openai"]()
    delta = {"type": f"{ITEM}.delta", "item_id": "i", "delta": "a" * MAX_TEXT_CHARACTERS}
    assert len(list(dialect.read(json.dumps(delta)))) == 1
    with pytest.raises(UpstreamError, match="does not end"):
        list(dialect.read(json.dumps(delta)))


def test_another_loquent_tells_where_a_committed_item_stops_and_that_answers_the_commit() -> None:
    dialect = _DIALECTS["openai"]()
    list(dialect.finish(2.0))
    assert _read(dialect, f"{BUFFER}.speech_started", item_id="i", audio_start_ms=500) == [
        Began("i", 0.5)
    ]
    assert _read(dialect, f"{BUFFER}.speech_stopped", item_id="i", audio_end_ms=2000) == [
        Stopped("i", 2.0)
    ]
    assert _read(dialect, f"{BUFFER}.committed", item_id="i") == []
    results = _read(dialect, f"{ITEM}.completed", item_id="i", transcript="alpha")
    assert results == [Understood("i", "alpha", end_s=2.0), Done()]


def test_an_item_that_silence_ended_earlier_does_not_answer_the_last_commit() -> None:
    dialect = _DIALECTS["openai"]()
    list(dialect.finish(5.0))
    _read(dialect, f"{BUFFER}.speech_stopped", item_id="i", audio_end_ms=2000)
    _read(dialect, f"{BUFFER}.committed", item_id="i")
    assert Done() not in _read(dialect, f"{ITEM}.completed", item_id="i", transcript="alpha")
    empty = {"code": "input_audio_buffer_commit_empty", "message": "too small"}
    assert _read(dialect, "error", error=empty) == [Done()]


def test_deepgram_ends_an_utterance_at_its_end_message_where_noise_hides_the_silence() -> None:
    dialect = _DIALECTS["deepgram"]()
    alternative = {"transcript": "a", "words": [_WORD], "languages": ["de"]}
    _read(
        dialect,
        "Results",
        start=0.0,
        duration=1.0,
        is_final=True,
        channel={"alternatives": [alternative]},
    )
    (ended,) = _read(dialect, "UtteranceEnd", last_word_end=0.2)
    assert isinstance(ended, Understood)
    assert (ended.text, ended.end_s, ended.language) == ("a", 0.2, "de")
    assert _read(dialect, "UtteranceEnd", last_word_end=-1) == []


def test_a_turn_that_is_never_formatted_is_told_before_the_next_one() -> None:
    dialect = _DIALECTS["assemblyai"]()
    assert _read(dialect, "Begin", id="x") == [Ready()]
    words = [{**_WORD, "start": 100, "end": 200}]
    turn = {"transcript": "a", "words": words, "end_of_turn": True}
    assert [type(r) for r in _read(dialect, "Turn", turn_order=0, **turn)] == [Guessed]
    second = _read(dialect, "Turn", turn_order=1, transcript="", words=words)
    assert [type(result) for result in second] == [Understood, Guessed]


def test_finals_are_told_in_order_though_they_come_out_of_order() -> None:
    ledger = LiveLedger(asked(), "vendor", "m")
    told: list[LiveUpdate] = []
    for result in (
        Began("a", 0.0),
        Stopped("a", 1.0),
        Began("b", 1.5),
        Stopped("b", 2.0),
        Understood("b", "second"),
        Understood("a", "first"),
    ):
        told += ledger.take(result, 0.0)
    finals = [update for update in told if isinstance(update, Final)]
    assert [(f.utterance, f.transcript.text, f.start_s, f.end_s) for f in finals] == [
        (1, "first", 0.0, 1.0),
        (2, "second", 1.5, 2.0),
    ]


def test_an_utterance_is_stopped_before_the_next_one_starts() -> None:
    ledger = LiveLedger(asked(), "vendor", "m")
    told = ledger.take(Began("a", 0.0), 0.0) + ledger.take(Began("b", 1.0), 0.0)
    assert told == [SpeechStarted(1, 0.0), SpeechStopped(1, 1.0), SpeechStarted(2, 1.0)]


def test_words_that_change_are_counted_as_changed() -> None:
    ledger = LiveLedger(asked(), "vendor", "m")
    told: list[LiveUpdate] = []
    for result in (
        Guessed("a", "one too", start_s=0.0, end_s=1.0),
        Guessed("a", "one two three", start_s=0.0, end_s=1.5),
        Understood("a", "One, two three."),
    ):
        told += ledger.take(result, 0.0)
    final = told[-1]
    assert isinstance(final, Final)
    assert (final.n_shown, final.n_changed) == (4, 1)


def test_what_is_told_of_a_forgotten_utterance_is_dropped() -> None:
    ledger = LiveLedger(asked(), "vendor", "m")
    ledger.take(Began("a", 0.0), 0.0)
    ledger.clear(2.0)
    assert ledger.take(Understood("a", "gone", start_s=0.0, end_s=1.0), 0.0) == []
    assert ledger.take(Guessed("b", "gone", start_s=1.0, end_s=2.0), 0.0) == []
    (started, _) = ledger.take(Guessed("c", "here", start_s=2.5, end_s=3.0), 0.0)
    assert started == SpeechStarted(2, 2.5)


def _read(dialect: LiveDialect, kind: str, **fields: Any) -> list[Any]:
    return list(dialect.read(json.dumps({"type": kind, **fields})))

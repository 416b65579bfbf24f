"""What a caller says of a session, what the core is asked for, and what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from loquent.api.live.openai_fields import DELAYS_S, SILENCES_MS
from loquent.api.live.openai_session import SessionConfig
from loquent.domain.errors import InvalidRequestError, UnsupportedOptionError
from loquent.domain.live import LiveRequest, SoundEncoding, SoundFormat
from loquent.domain.request import SpeechDetection

NEW = SessionConfig("whisper-base")
INPUT = "session.audio.input"
SPEECH = f"{INPUT}.transcription"
TURNS = f"{INPUT}.turn_detection"


def changed(config: SessionConfig = NEW, **fields: Any) -> SessionConfig:
    return config.changed({"audio": {"input": fields}})


def shown(config: SessionConfig) -> Any:
    audio: Any = config.shown("sess_1")["audio"]
    return audio["input"]


def test_a_new_session_is_shown_with_every_default() -> None:
    assert NEW.shown("sess_1") == {
        "id": "sess_1",
        "object": "realtime.transcription_session",
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": None,
                "transcription": {
                    "model": "whisper-base",
                    "language": None,
                    "languages": None,
                    "prompt": None,
                    "keywords": None,
                    "delay": None,
                },
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                },
            }
        },
        "include": None,
    }
    assert NEW.request() == LiveRequest("whisper-base", SoundFormat(24_000))
    assert not NEW.is_model_named


def test_the_defaults_are_those_of_the_core() -> None:
    assert NEW.request().detection == SpeechDetection()


def test_a_change_leaves_the_rest_as_it_is() -> None:
    config = changed(transcription={"model": "whisper-1", "language": "de", "prompt": "Rügen"})
    config = changed(config, transcription={"language": "fr"}, turn_detection={"threshold": 0.7})
    config = config.changed({"include": ["item.input_audio_transcription.logprobs"]})
    request = config.request()
    assert (request.model, request.language, request.prompt) == ("whisper-1", "fr", "Rügen")
    assert request.detection == SpeechDetection(threshold=0.7)
    assert request.token_scores
    assert config.changed({}) == config
    assert config.changed({"include": None}).request().token_scores is False


def test_another_kind_of_turn_detection_begins_anew() -> None:
    config = changed(turn_detection={"type": "server_vad", "silence_duration_ms": 900})
    config = changed(config, turn_detection={"type": "semantic_vad", "eagerness": "low"})
    assert shown(config)["turn_detection"] == {"type": "semantic_vad", "eagerness": "low"}
    config = changed(config, turn_detection={"type": "server_vad"})
    assert config.request().detection == SpeechDetection()


def test_turns_may_be_left_to_the_caller() -> None:
    config = changed(turn_detection=None)
    assert not config.request().ends_by_silence
    assert shown(config)["turn_detection"] is None
    assert changed(config, turn_detection={"type": "server_vad"}).ends_by_silence


@pytest.mark.parametrize(("eagerness", "silence_ms"), SILENCES_MS.items())
def test_the_eager_wait_less(eagerness: str, silence_ms: int) -> None:
    config = changed(turn_detection={"type": "semantic_vad", "eagerness": eagerness})
    assert config.request().detection == SpeechDetection(silence_duration_ms=silence_ms)
    assert SILENCES_MS["low"] > SILENCES_MS["auto"] == SILENCES_MS["medium"] > SILENCES_MS["high"]


@pytest.mark.parametrize(("delay", "interim_s"), DELAYS_S.items())
def test_a_delay_is_the_time_between_two_guesses(delay: str, interim_s: float) -> None:
    assert changed(transcription={"delay": delay}).request().interim_s == interim_s


@pytest.mark.parametrize(
    ("form", "sound", "effective"),
    [
        ({"type": "audio/pcm"}, SoundFormat(24_000), {"type": "audio/pcm", "rate": 24_000}),
        ({"rate": 16_000}, SoundFormat(16_000), {"type": "audio/pcm", "rate": 16_000}),
        (
            {"type": "audio/pcmu"},
            SoundFormat(8_000, SoundEncoding.PCM_MULAW),
            {"type": "audio/pcmu"},
        ),
        (
            {"type": "audio/pcma", "rate": 8_000},
            SoundFormat(8_000, SoundEncoding.PCM_ALAW),
            {"type": "audio/pcma"},
        ),
    ],
)
def test_sound_comes_in_many_forms(
    form: dict[str, Any], sound: SoundFormat, effective: dict[str, Any]
) -> None:
    config = changed(format=form)
    assert config.request().sound == sound
    assert shown(config)["format"] == effective
    n_bytes = 2 if sound.encoding is SoundEncoding.PCM_S16LE else 1
    assert config.bytes_per_s == n_bytes * sound.sample_rate_hz


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        ({"language": "EN"}, "en"),
        ({"languages": ["de"]}, "de"),
        ({"languages": ["de", "en"]}, None),
        ({"languages": ["de", "en"], "language": "en"}, "en"),
        ({"languages": []}, None),
        ({"language": None}, None),
    ],
)
def test_one_language_is_taken_for_granted(wishes: dict[str, Any], language: str | None) -> None:
    assert changed(transcription=wishes).request().language == language


def test_keywords_are_expected() -> None:
    config = changed(transcription={"keywords": ["Loquent", "Silero"]})
    assert config.request().hotwords == "Loquent, Silero"


@pytest.mark.parametrize("kind", ["near_field", "far_field", None])
def test_noise_reduction_is_taken_and_shown_as_missing(kind: str | None) -> None:
    config = changed(noise_reduction=kind and {"type": kind})
    assert shown(config)["noise_reduction"] is None
    assert config == NEW


def test_fields_that_only_matter_to_answers_are_taken() -> None:
    turns = {"type": "server_vad", "create_response": True, "interrupt_response": False}
    assert shown(changed(turn_detection={**turns, "idle_timeout_ms": None})) == shown(NEW)


def test_the_address_may_name_the_model() -> None:
    config = NEW.with_model("gpt-4o-transcribe")
    assert config.is_model_named
    assert shown(config)["transcription"]["model"] == "gpt-4o-transcribe"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"speed": 1}, f"{INPUT}.speed", "unknown_parameter"),
        ({"transcription": {"beam": 1}}, f"{SPEECH}.beam", "unknown_parameter"),
        ({"transcription": None}, SPEECH, "invalid_value"),
        ({"transcription": {"model": ""}}, f"{SPEECH}.model", "invalid_value"),
        ({"transcription": {"prompt": 1}}, f"{SPEECH}.prompt", "invalid_value"),
        ({"transcription": {"delay": "long"}}, f"{SPEECH}.delay", None),
        ({"transcription": {"language": "xx"}}, f"{SPEECH}.language", None),
        ({"transcription": {"languages": ["en", "xx"]}}, f"{SPEECH}.languages.1", None),
        ({"transcription": {"language": "de", "languages": ["en"]}}, SPEECH, None),
        ({"format": {"type": "audio/mp3"}}, f"{INPUT}.format.type", None),
        ({"format": {"rate": 96_000}}, f"{INPUT}.format.rate", "invalid_value"),
        ({"format": {"type": "audio/pcmu", "rate": 16_000}}, f"{INPUT}.format", None),
        ({"turn_detection": {"type": "magic"}}, f"{TURNS}.type", None),
        ({"turn_detection": {"threshold": 2}}, f"{TURNS}.threshold", "invalid_value"),
        (
            {"turn_detection": {"threshold": float("nan")}},
            f"{TURNS}.threshold",
            "invalid_value",
        ),
        (
            {"turn_detection": {"eagerness": "low"}},
            f"{TURNS}.eagerness",
            "unknown_parameter",
        ),
        (
            {"turn_detection": {"server_vad": 1}},
            f"{TURNS}.server_vad",
            "unknown_parameter",
        ),
        (
            {"turn_detection": {"idle_timeout_ms": 6000}},
            f"{TURNS}.idle_timeout_ms",
            None,
        ),
        ({"noise_reduction": {"type": "wind"}}, f"{INPUT}.noise_reduction.type", None),
    ],
)
def test_what_cannot_be_had_is_named(fields: dict[str, Any], param: str, code: str | None) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        changed(**fields)
    assert caught.value.param == param
    assert caught.value.code == (code or UnsupportedOptionError.code)
    assert param in caught.value.message
    assert "Value error" not in caught.value.message


@pytest.mark.parametrize(
    ("session", "param"),
    [
        (None, "session"),
        ([], "session"),
        ({"type": "realtime", "instructions": "Sing."}, "session.type"),
        ({"type": None}, "session.type"),
        ({"audio": 1}, "session.audio"),
        ({"audio": {"output": {}}}, "session.audio.output"),
        ({"include": ["everything"]}, "session.include.0"),
        ({"x" * 500: 1}, f"session.{'x' * 500}"[:200]),
    ],
)
def test_a_session_of_another_kind_is_refused(session: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        NEW.changed(session)
    assert caught.value.param == param


def test_turn_detection_without_a_type_lacks_it() -> None:
    config = changed(turn_detection=None)
    with pytest.raises(InvalidRequestError) as caught:
        changed(config, turn_detection={"threshold": 0.4})
    assert caught.value.code == "missing_required_parameter"
    assert caught.value.param == f"{TURNS}.type"


@pytest.mark.parametrize("name", ["diarise", "diarize"])
def test_who_speaks_may_be_asked_for_and_no_more(name: str) -> None:
    config = changed(transcription={name: True})
    assert config.names_speakers
    assert config.request().speakers
    assert shown(config)["transcription"][name] is True
    no_more = changed(config, transcription={name: False})
    assert not no_more.request().speakers
    assert shown(no_more)["transcription"][name] is False


def test_the_name_of_a_model_may_ask_who_speaks() -> None:
    config = NEW.with_model("gpt-4o-transcribe-diarize")
    assert config.request().speakers
    assert changed(config, transcription={"diarise": False}).request().speakers
    assert not NEW.with_model("gpt-4o-transcribe").request().speakers

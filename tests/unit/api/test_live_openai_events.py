"""Whatever a caller sends is an event, or refused in words; nothing else comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.api.live.openai_events import ClientEvent, parse_event
from loquent.api.live.openai_fields import DELAYS_S, SILENCES_MS
from loquent.api.live.openai_session import SessionConfig
from loquent.domain.errors import InvalidRequestError

NAMES = (
    "type", "audio", "input", "format", "rate", "noise_reduction", "transcription", "model",
    "language", "languages", "prompt", "keywords", "delay", "turn_detection", "threshold",
    "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "eagerness", "include",
)  # fmt: skip
VALUES = ("transcription", "audio/pcm", "audio/pcmu", "server_vad", "semantic_vad", "en", "de")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from((*VALUES, *DELAYS_S, *SILENCES_MS))
)
THINGS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


INPUTS = st.dictionaries(st.sampled_from(NAMES), THINGS, max_size=3).map(
    lambda fields: {"audio": {"input": fields}}
)


def refusal(act: Callable[[], object]) -> InvalidRequestError | None:
    """Return why `act` was refused, None if it was not; any other failure is one."""
    try:
        act()
    except InvalidRequestError as error:
        return error
    return None


@given(THINGS | INPUTS)
def test_any_session_is_followed_or_refused_naming_the_field(session: Any) -> None:
    config = SessionConfig("whisper-base")
    if error := refusal(lambda: config.changed(session)):
        assert (error.param or "").startswith("session")
        assert error.code
        return
    changed = config.changed(session)
    shown: Any = changed.shown("sess_1")
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    again = config.changed({name: shown[name] for name in ("type", "audio", "include")})
    assert again.request() == changed.request()  # what is shown may be sent back


@given(st.text() | st.binary() | THINGS.map(json.dumps))
def test_any_frame_is_an_event_or_is_refused(frame: str | bytes) -> None:
    error = refusal(lambda: parse_event(frame).check())
    assert error is None or error.code


@given(THINGS)
def test_any_sound_is_bytes_or_is_refused(audio: Any) -> None:
    event = ClientEvent("input_audio_buffer.append", None, {"audio": audio})
    error = refusal(event.sound)
    assert error is None or error.param == "audio"


@pytest.mark.parametrize("event_id", ["x" * 513, 1, [], {}])
def test_an_id_that_is_none_is_refused(event_id: object) -> None:
    frame = json.dumps({"type": "input_audio_buffer.clear", "event_id": event_id})
    with pytest.raises(InvalidRequestError) as caught:
        parse_event(frame)
    assert caught.value.param == "event_id"

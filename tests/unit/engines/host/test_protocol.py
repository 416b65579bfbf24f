"""Frames come back as they went, and nonsense is refused."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.errors import EngineError, ModelLoadError, WorkerCrashedError
from loquent.domain.transcript import Segment, Task, TokenScore, Word
from loquent.engines.batch import Utterance, Width
from loquent.engines.host import messages, protocol
from loquent.engines.host.messages import (
    Answer,
    Batch,
    Failure,
    Order,
    Ready,
    Result,
    Start,
    failure_of,
)
from loquent.engines.host.performers import PerformerAddress
from loquent.engines.host.protocol import Kind, ProtocolError
from loquent.ports import Lane, Recognition, RecognitionOptions

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
FLOATS = st.floats(allow_nan=False)
IDS = st.integers(0, 2**40)
WORDS = st.builds(Word, TEXTS, FLOATS, FLOATS, FLOATS)
SCORES = st.builds(TokenScore, TEXTS, st.binary(max_size=8), FLOATS)
SEGMENTS = st.builds(
    Segment,
    id=IDS,
    start_s=FLOATS,
    end_s=FLOATS,
    text=TEXTS,
    tokens=st.lists(IDS, max_size=4).map(tuple),
    temperature=FLOATS,
    avg_logprob=FLOATS,
    compression_ratio=FLOATS,
    no_speech_prob=FLOATS,
    seek_frames=IDS,
    words=st.lists(WORDS, max_size=2).map(tuple),
    token_scores=st.lists(SCORES, max_size=2).map(tuple),
)
RECOGNITIONS = st.builds(Recognition, TEXTS, st.lists(SEGMENTS, max_size=3).map(tuple), IDS, IDS)
OPTIONS = st.builds(
    RecognitionOptions,
    task=st.sampled_from(Task),
    language=st.none() | TEXTS,
    prompt=TEXTS,
    hotwords=TEXTS,
    temperature=FLOATS,
    beam_size=st.none() | IDS,
    best_of=st.none() | IDS,
    word_timestamps=st.booleans(),
    token_scores=st.booleans(),
    lane=st.sampled_from(Lane),
    share=TEXTS,
)
SOUND = st.binary(max_size=40).map(lambda raw: np.frombuffer(raw[: len(raw) // 4 * 4], np.float32))
UTTERANCES = st.builds(Utterance, SOUND, OPTIONS)
FRAME = '{"id":1,"width":"wide","options":[{"task":"transcribe","language":null}],"n_samples":[2]}'


def there_and_back(message: Order | Answer) -> Order | Answer:
    frame = protocol.encode(message)
    prefix = protocol.parse_prefix(frame[: protocol.PREFIX_BYTES])
    body = frame[protocol.PREFIX_BYTES :]
    header, samples = body[: prefix.n_header_bytes], body[prefix.n_header_bytes :]
    assert len(samples) == prefix.n_array_bytes
    return protocol.parse(prefix.kind, header, bytearray(samples))


def batch_of(*utterances: Utterance) -> Batch:
    return Batch(1, Width.WIDE, utterances)


def silence(n_samples: int, prompt: str = "") -> Utterance:
    options = RecognitionOptions(Task.TRANSCRIBE, None, prompt=prompt)
    return Utterance(np.zeros(n_samples, np.float32), options)


@given(IDS, st.lists(RECOGNITIONS, max_size=3).map(tuple), FLOATS)
def test_a_result_comes_back_as_it_went(
    identifier: int, recognitions: tuple[Recognition, ...], took_s: float
) -> None:
    message = Result(identifier, recognitions, took_s)
    assert there_and_back(message) == message


@given(IDS, st.sampled_from(Width), st.lists(UTTERANCES, min_size=1, max_size=4).map(tuple))
def test_a_batch_comes_back_as_it_went(
    identifier: int, width: Width, utterances: tuple[Utterance, ...]
) -> None:
    received = there_and_back(Batch(identifier, width, utterances))
    assert isinstance(received, Batch)
    assert (received.id, received.width) == (identifier, width)
    assert [u.options for u in received.utterances] == [u.options for u in utterances]
    for ours, theirs in zip(utterances, received.utterances, strict=True):
        assert theirs.samples.dtype == np.float32
        assert theirs.samples.tobytes() == ours.samples.tobytes()


@pytest.mark.parametrize(
    "message",
    [
        Ready(3),
        Start(PerformerAddress("m", "R", "O"), "/models/x", {"a": 1, "b": "c", "d": True}),
        Failure(None, "model_load_failed", "damaged"),
        Failure(7, "engine_error", "déjà vu"),
    ],
)
def test_a_small_message_comes_back_as_it_went(message: Order | Answer) -> None:
    assert there_and_back(message) == message


def test_a_score_that_is_no_number_stays_none() -> None:
    segment = Segment(0, 0, 1, "", (), 0, float("nan"), 1, 0)
    received = there_and_back(Result(0, (Recognition("en", (segment,)),), 0.1))
    assert isinstance(received, Result)
    assert np.isnan(received.recognitions[0].segments[0].avg_logprob)


@pytest.mark.parametrize(
    "prefix",
    [
        struct.pack("!cII", b"?", 0, 0),
        struct.pack("!cII", b"R", protocol.MAX_HEADER_BYTES + 1, 0),
        struct.pack("!cII", b"B", 10, protocol.MAX_SAMPLES_BYTES + 1),
        struct.pack("!cII", b"V", 10, protocol.MAX_WINDOW_BYTES + 1),
        struct.pack("!cII", b"R", 10, 4),
    ],
)
def test_an_unsound_prefix_is_refused(prefix: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.parse_prefix(prefix)


@pytest.mark.parametrize(
    ("header", "n_bytes"),
    [
        (FRAME, 4),
        (FRAME, 9),
        (FRAME.replace("[2]", "[-2]"), 8),
        (FRAME.replace("[2]", "[1,1]"), 8),
        (FRAME.replace("wide", "huge"), 8),
        (FRAME.replace('"id":1', '"id":-1'), 8),
        (FRAME.replace('"id":1', '"id":1,"more":1'), 8),
        (FRAME[:-1], 8),
        ("", 8),
        ("null", 8),
        ('{"id":1,"width":"wide","options":[],"n_samples":[]}', 0),
    ],
)
def test_an_unsound_batch_is_refused(header: str, n_bytes: int) -> None:
    with pytest.raises(ProtocolError):
        protocol.parse(Kind.BATCH, header.encode(), bytes(n_bytes))


def test_the_sound_frame_of_these_tests_is_accepted() -> None:
    assert isinstance(protocol.parse(Kind.BATCH, FRAME.encode(), bytes(8)), Batch)


@given(st.sampled_from(Kind), st.binary(max_size=60), st.binary(max_size=16))
def test_any_bytes_are_a_message_or_refused(kind: Kind, header: bytes, samples: bytes) -> None:
    try:
        protocol.parse(kind, header, samples)
    except ProtocolError as error:
        assert str(error)  # noqa: PT017  either outcome is right


def test_what_is_too_large_is_refused_before_it_is_sent() -> None:
    one = silence(16_000 * 30)
    for batch in (
        batch_of(),
        batch_of(*[one] * (messages.MAX_UTTERANCES + 1)),
        batch_of(silence(protocol.MAX_SAMPLES_BYTES // 4 + 1)),
        batch_of(silence(1, "x" * protocol.MAX_HEADER_BYTES)),
        batch_of(silence(1, "\ud800")),
    ):
        with pytest.raises(ProtocolError):
            protocol.encode(batch)


def test_a_failure_carries_the_error_and_of_unforeseen_ones_the_type_alone() -> None:
    known = failure_of(ModelLoadError("too large"), 4)
    assert known == Failure(4, "model_load_failed", "too large")
    assert isinstance(known.to_error(), ModelLoadError)
    bug = failure_of(ZeroDivisionError("/secret"), 5)
    assert bug == Failure(5, messages.UNEXPECTED, "ZeroDivisionError")
    assert "ZeroDivisionError" not in bug.to_error().message
    other = failure_of(WorkerCrashedError("gone"), None).to_error()
    assert type(other) is EngineError
    long = failure_of(EngineError("x" * 10_000), 6)
    assert len(replace(long, id=1).message) == messages.MAX_MESSAGE_CHARACTERS


def test_a_header_is_plain_json() -> None:
    frame = protocol.encode(Ready(2))
    assert json.loads(frame[protocol.PREFIX_BYTES :]) == {
        "n_workers": 2,
        "sample_rate_hz": 0,
    }

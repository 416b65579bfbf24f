"""Who said what, through the official client: every way to ask for it, and to ask wrongly."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types.audio import TranscriptionDiarized

from loquent.api.app import ApiOptions
from loquent.api.parts import UploadLimits
from loquent.domain.speakers import Channels, SpeakerSearch
from tests.fakes.fake_transcriber import HELLO, FakeTranscriber, Gate
from tests.wire.conftest import KEY, LiveServer, Serve
from tests.wire.envelopes import assert_envelope

AUDIO = ("speech.wav", b"RIFF" + bytes(2000), "audio/wav")
ANN, BEN = b"RIFF of Ann" + bytes(300_000), b"RIFF of Ben"
PATHS = [
    "/v1/audio/transcriptions", "/audio/transcriptions", "/v1/speech/transcriptions",
    "/v0/audio/transcriptions", "/v1/audio/translations", "/v0/audio/translations",
]  # fmt: skip
DIARISE = {"diarise": True}


def data_url(content: bytes) -> str:
    return f"data:audio/wav;base64,{base64.b64encode(content).decode()}"


def post(http: httpx2.Client, path: str, fields: dict[str, Any]) -> httpx2.Response:
    return http.post(path, data={"model": "m", **fields}, files={"file": AUDIO})


def test_diarized_json_reads_as_the_clients_type(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize",
        file=AUDIO,
        response_format="diarized_json",
        chunking_strategy="auto",
    )
    assert isinstance(answer, TranscriptionDiarized)
    assert answer.text == "A: Hello there.\nB: General speech."
    assert [(s.id, s.start, s.end, s.text, s.speaker) for s in answer.segments] == [
        ("seg_001", 0.0, 1.0, "Hello there.", "A"),
        ("seg_002", 1.0, 2.0, "General speech.", "B"),
    ]
    assert answer.usage is not None
    assert answer.usage.type == "tokens"
    assert server.transcriber.calls[-1].request.speakers == SpeakerSearch()


def test_diarized_json_of_any_other_model_states_seconds(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(
        model="whisper-1", file=AUDIO, response_format="diarized_json"
    )
    assert isinstance(answer, TranscriptionDiarized)
    assert answer.usage is not None
    assert answer.usage.to_dict() == {"type": "duration", "seconds": 3}


def test_the_name_of_the_model_alone_asks_for_speakers(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize", file=AUDIO, prompt="Obi-Wan", include=["logprobs"]
    )
    assert answer.model_extra is not None
    assert [segment["speaker"] for segment in answer.model_extra["segments"]] == ["A", "B"]
    assert answer.logprobs is not None


def test_the_printed_call_with_diarise_names_speakers(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(
        model="whisper-large-v3-turbo", language="fr", file=AUDIO, extra_body=DIARISE
    )
    assert answer.text == "Hello there. General speech."
    assert answer.model_extra is not None
    assert [segment["speaker"] for segment in answer.model_extra["segments"]] == ["A", "B"]


def test_verbose_answers_name_the_speakers_of_words_and_segments(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(
        model="m",
        file=AUDIO,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        extra_body=DIARISE,
    )
    for items in (answer.words, answer.segments):
        assert items is not None
        assert [(item.model_extra or {})["speaker"] for item in items] == ["A", "B"]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("text", "A: Hello there.\nB: General speech.\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:01,000\nA: Hello there.\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v A>Hello there.\n"),
    ],
)
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_text_formats_name_speakers(server: LiveServer, form: Any, said: str) -> None:
    audio = server.client().audio
    for create in (audio.transcriptions.create, audio.translations.create):
        answer = create(model="m", file=AUDIO, response_format=form, extra_body=DIARISE)
        assert str(answer).startswith(said)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("field", [{"diarise": "True"}, {"diarize": "1"}])
def test_every_address_takes_either_spelling(
    server: LiveServer, http: httpx2.Client, path: str, field: dict[str, str]
) -> None:
    for name, value, wanted in [
        ("num_speakers", "2", SpeakerSearch(2)),
        ("channels", "separate", SpeakerSearch(channels=Channels.SEPARATE)),
    ]:
        answer = post(http, path, {**field, name: value}).json()
        assert [segment["speaker"] for segment in answer["segments"]] == ["A", "B"]
        assert server.transcriber.calls[-1].request.speakers == wanted


def test_known_speakers_are_called_by_their_names(server: LiveServer) -> None:
    answer = server.client().audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize",
        file=AUDIO,
        response_format="diarized_json",
        known_speaker_names=["Ann", "Ben, Jr."],
        known_speaker_references=[data_url(ANN), data_url(BEN)],
        extra_body={"min_speakers": 2},
    )
    assert isinstance(answer, TranscriptionDiarized)
    assert [segment.speaker for segment in answer.segments] == ["Ann", "Ben, Jr."]
    call = server.transcriber.calls[-1]
    assert call.references == (ANN, BEN)
    assert call.request.speakers is not None
    assert call.request.speakers.min_speakers == 2
    paths = [call.path, *(known.reference.path for known in call.request.speakers.known)]
    assert len(set(paths)) == 3
    assert not any(path.exists() for path in paths)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for uploads, in which nothing may be left when the server has ended."""
    yield tmp_path
    assert not list(tmp_path.iterdir())


@pytest.fixture
def tidy(folder: Path, serve: Serve) -> LiveServer:
    """A server that keeps uploads in a folder of its own."""
    limits = UploadLimits(max_reference_bytes=400_000)
    return serve(options=ApiOptions(api_key=KEY, limits=limits, upload_directory=folder))


def test_recordings_lie_in_the_folder_for_uploads(tidy: LiveServer, folder: Path) -> None:
    tidy.client().audio.transcriptions.create(
        model="m",
        file=AUDIO,
        known_speaker_names=["Ann"],
        known_speaker_references=[data_url(ANN)],
        extra_body=DIARISE,
    )
    speakers = tidy.transcriber.calls[-1].request.speakers
    assert speakers is not None
    assert [known.reference.path.parent for known in speakers.known] == [folder]


GARBAGE = [
    "ann.wav",
    "http://127.0.0.1/ann.wav",
    "data:audio/wav,RIFF",
    "data:audio/wav;base64,",
    "data:audio/wav;base64,====",
    "data:audio/wav;base64,UklG!",
    "data:audio/wav;base64,UklGRg",
    data_url(bytes(400_001)),
    "data:audio/wav;base64," + "A" * 3_000_000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_a_reference_that_is_none_is_refused_by_name(tidy: LiveServer, garbage: str) -> None:
    fields = {
        "diarise": "true",
        "known_speaker_names[]": ["Ann", "Ben"],
        "known_speaker_references[]": [data_url(ANN), garbage],
    }
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=tidy.url, headers=headers) as http:
        for path in (*PATHS, "/v1/audio/diarization", "/v0/audio/diarization"):
            response = post(http, path, fields)
            error = assert_envelope(response, 422 if path.startswith("/v0") else 400)
            assert error["param"] == "known_speaker_references"
            assert len(error["message"]) < 400
    assert tidy.transcriber.calls == []
    assert tidy.diarizer.calls == []


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"extra_body": {"num_speakers": 2}}, "num_speakers"),
        ({"extra_body": {"diarise": "perhaps"}}, "diarise"),
        ({"extra_body": {"diarise": True, "num_speakers": 0}}, "num_speakers"),
        ({"extra_body": {"diarise": True, "min_speakers": 3, "max_speakers": 2}}, "min_speakers"),
        ({"extra_body": {"diarise": True, "channels": "left"}}, "channels"),
        ({"known_speaker_names": ["Ann"]}, "known_speaker_names"),
        ({"known_speaker_names": ["Ann"], "extra_body": DIARISE}, "known_speaker_references"),
        (
            {"known_speaker_references": [data_url(BEN)], "extra_body": DIARISE},
            "known_speaker_names",
        ),
        (
            {
                "known_speaker_names": ["Ann"] * 2,
                "known_speaker_references": [data_url(BEN)] * 2,
                "extra_body": DIARISE,
            },
            "known_speaker_names",
        ),
        (
            {
                "known_speaker_names": list("abcde"),
                "known_speaker_references": [data_url(BEN)] * 5,
                "extra_body": DIARISE,
            },
            "known_speaker_names",
        ),
    ],
)
def test_what_is_wrong_is_a_bad_request_that_names_it(
    server: LiveServer, wanted: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        server.client().audio.transcriptions.create(model="m", file=AUDIO, **wanted)
    assert raised.value.param == param


def test_a_translation_has_no_diarized_form(http: httpx2.Client) -> None:
    fields = {"response_format": "diarized_json"}
    error = assert_envelope(post(http, "/v1/audio/translations", fields), 400)
    assert error["param"] == "response_format"


@pytest.mark.parametrize("form", ["json", "text", "diarized_json"])
def test_a_stream_ends_with_who_said_what(server: LiveServer, form: Any) -> None:
    events = list(
        server.client().audio.transcriptions.create(
            model="gpt-4o-transcribe-diarize", file=AUDIO, response_format=form, stream=True
        )
    )
    assert [event.type for event in events] == [
        *["transcript.text.delta"] * 2,
        *["transcript.text.segment"] * 2,
        "transcript.text.done",
    ]
    told = [event.to_dict() for event in events if event.type == "transcript.text.segment"]
    assert told == [
        {
            "type": "transcript.text.segment",
            "id": f"seg_00{number}",
            "start": number - 1.0,
            "end": float(number),
            "text": text,
            "speaker": speaker,
        }
        for number, text, speaker in [(1, "Hello there.", "A"), (2, "General speech.", "B")]
    ]


def test_a_stream_without_speakers_tells_of_no_segments(server: LiveServer) -> None:
    stream = server.client().audio.transcriptions.create(model="m", file=AUDIO, stream=True)
    assert {event.type for event in stream} == {"transcript.text.delta", "transcript.text.done"}


def test_recordings_go_when_the_caller_of_a_stream_hangs_up(folder: Path, serve: Serve) -> None:
    gate = Gate()
    options = ApiOptions(api_key=KEY, upload_directory=folder)
    server = serve(FakeTranscriber([*HELLO, gate]), options)
    with server.client().audio.transcriptions.create(
        model="m",
        file=AUDIO,
        stream=True,
        known_speaker_names=["Ann"],
        known_speaker_references=[data_url(ANN)],
        extra_body=DIARISE,
    ) as stream:
        assert next(iter(stream)).type == "transcript.text.delta"
        assert gate.reached.wait(10)
        assert len(list(folder.iterdir())) == 2
    assert server.transcriber.was_cut_short.wait(1)


def test_the_description_names_every_field_about_speakers(http: httpx2.Client) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    names = {"num_speakers", "min_speakers", "max_speakers", "channels", "known_speaker_names[]"}
    for path in ("/v1/audio/transcriptions", "/v0/audio/translations", "/audio/diarization"):
        body = paths[path]["post"]["requestBody"]["content"]["multipart/form-data"]
        assert names <= set(body["schema"]["properties"])
    assert "DiarizedAnswer" in json.dumps(paths["/v1/audio/transcriptions"])
    assert "DiarizedAnswer" not in json.dumps(paths["/v1/audio/translations"])

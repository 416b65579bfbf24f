"""Who speaks when, on the wire."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx2
import pytest

from loquent.api.app import ApiOptions
from loquent.domain import errors
from loquent.domain.speakers import DiarizationRequest, SpeakerSearch
from tests.fakes.fake_diarizer import EXCLUSIVE, SERVING_MODEL, TURNS, FakeDiarizer
from tests.fakes.fake_transcriber import Gate
from tests.wire.conftest import KEY, LiveServer, Serve
from tests.wire.envelopes import assert_envelope
from tests.wire.test_raw_http import TIMEOUT_S, connect, form, read_until, upload

AUDIO = ("two voices.wav", b"RIFF" + bytes(2000), "audio/wav")
PATH = "/v1/audio/diarization"
STOPPED_WITHIN_S = 1.0


@pytest.mark.parametrize("path", [PATH, "/v0/audio/diarization", "/audio/diarization"])
def test_json_is_the_answer_under_every_prefix(
    server: LiveServer, http: httpx2.Client, path: str
) -> None:
    response = http.post(path, files={"file": AUDIO})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-loquent-model"] == SERVING_MODEL
    answer = response.json()
    assert answer.pop("id").startswith("diarization-")
    assert answer.pop("created") > 1_700_000_000
    assert answer == {
        "object": "audio.diarization",
        "provider": "local",
        "model": SERVING_MODEL,
        "duration": 6.2,
        "speakers": ["A", "B"],
        "segments": [{"start": t.start_s, "end": t.end_s, "speaker": t.speaker} for t in TURNS],
        "exclusive": [
            {"start": t.start_s, "end": t.end_s, "speaker": t.speaker} for t in EXCLUSIVE
        ],
        "usage": {"type": "duration", "seconds": 7},
    }
    call = server.diarizer.calls[-1]
    assert (call.request, call.content) == (DiarizationRequest("pyannote-campplus"), AUDIO[1])
    assert not call.source.path.exists()


def test_rttm_names_the_recording(http: httpx2.Client) -> None:
    response = http.post(PATH, data={"response_format": "rttm"}, files={"file": AUDIO})
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text == (
        "SPEAKER two_voices 1 0.000 2.500 <NA> <NA> A <NA> <NA>\n"
        "SPEAKER two_voices 1 2.000 2.750 <NA> <NA> B <NA> <NA>\n"
        "SPEAKER two_voices 1 5.000 1.000 <NA> <NA> A <NA> <NA>\n"
    )


def test_everything_that_may_be_asked_reaches_the_diarizer(
    server: LiveServer, http: httpx2.Client
) -> None:
    fields = {
        "model": "other",
        "min_speakers": "2",
        "max_speakers": "4",
        "known_speaker_names[]": "Ann",
        "known_speaker_references[]": f"data:;base64,{base64.b64encode(b'RIFF').decode()}",
        "mystery": "1",
    }
    response = http.post(PATH, data=fields, files={"file": AUDIO})
    assert response.headers["x-loquent-ignored"] == "mystery"
    call = server.diarizer.calls[-1]
    (known,) = call.request.search.known
    search = SpeakerSearch(min_speakers=2, max_speakers=4, known=(known,))
    assert call.request == DiarizationRequest("other", search)
    assert (known.name, call.references) == ("Ann", (b"RIFF",))
    assert not known.reference.path.exists()


def test_the_operator_chooses_who_tells_speakers_apart(serve: Serve) -> None:
    server = serve(options=ApiOptions(diarization_model="mine"))
    assert httpx2.post(server.url + PATH, files={"file": AUDIO}).status_code == 200
    assert server.diarizer.calls[-1].request.model == "mine"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidAudioError("no", param="file"), 400),
        (errors.ModelNotFoundError("no", param="model"), 404),
        (errors.UnsupportedOptionError("no", param="model"), 400),
        (errors.OverloadedError("no", retry_after_s=2.2), 503),
        (errors.EngineError("no"), 500),
        (ValueError("canary at /root/weights"), 500),
    ],
)
def test_every_failure_is_answered_in_the_envelope(
    serve: Serve, error: Exception, status: int
) -> None:
    server = serve(options=ApiOptions(), diarizer=FakeDiarizer([error]))
    assert_envelope(httpx2.post(server.url + PATH, files={"file": AUDIO}), status)


@pytest.mark.parametrize(("prefix", "status"), [("/v1", 400), ("/v0", 422), ("", 400)])
def test_a_format_that_is_none_is_refused(http: httpx2.Client, prefix: str, status: int) -> None:
    response = http.post(
        f"{prefix}/audio/diarization", data={"response_format": "srt"}, files={"file": AUDIO}
    )
    assert assert_envelope(response, status)["param"] == "response_format"


def test_work_stops_when_the_caller_hangs_up(serve: Serve, tmp_path: Path) -> None:
    gate = Gate()
    options = ApiOptions(api_key=KEY, upload_directory=tmp_path)
    server = serve(options=options, diarizer=FakeDiarizer([gate]))
    with connect(server) as line:
        line.sendall(upload(form(), PATH))
        assert gate.reached.wait(TIMEOUT_S)
        assert len(list(tmp_path.iterdir())) == 1
    assert server.diarizer.was_cut_short.wait(STOPPED_WITHIN_S)


def test_metrics_count_the_recording_under_the_model_that_served(serve: Serve) -> None:
    gate = Gate()
    server = serve(options=ApiOptions(api_key=KEY), diarizer=FakeDiarizer([gate]))
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=server.url, headers=headers) as http, connect(server) as line:
        line.sendall(upload(form(), PATH))
        assert gate.reached.wait(TIMEOUT_S)
        assert "loquent_transcriptions_in_flight 1.0" in http.get("/metrics").text
        gate.open()
        read_until(line, b'"usage"')
        told = http.get("/metrics").text
    counted = f'loquent_audio_seconds_total{{deployment="",model="{SERVING_MODEL}"}} 6.2'
    assert counted in told
    assert "loquent_transcriptions_in_flight 0.0" in told
    assert f'model="{SERVING_MODEL}",route="/v1/audio/diarization",status="200"' in told

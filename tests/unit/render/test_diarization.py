"""Who speaks when, in every format, letter by letter."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.speakers import Diarization, SpeakerTurn
from loquent.render import DiarizationFormat, DiarizationOptions, render_diarization

TURNS = (SpeakerTurn(0.0, 2.5, "Ann Lee"), SpeakerTurn(2.0, 3725.05, "B"))
EXCLUSIVE = (SpeakerTurn(0.0, 2.25, "Ann Lee"), SpeakerTurn(2.25, 3725.05, "B"))
TALK = Diarization(TURNS, EXCLUSIVE, 3726.2, "pyannote-campplus")


def body(
    form: DiarizationFormat, diarization: Diarization = TALK, file_name: str = "talk.wav"
) -> str:
    options = DiarizationOptions(form, "dia_1", 5, file_name)
    return render_diarization(diarization, options).body.decode()


def test_json_has_all_turns_and_those_of_one_speaker_at_a_time() -> None:
    assert json.loads(body(DiarizationFormat.JSON)) == {
        "id": "dia_1",
        "object": "audio.diarization",
        "created": 5,
        "provider": "local",
        "model": "pyannote-campplus",
        "duration": 3726.2,
        "speakers": ["Ann Lee", "B"],
        "segments": [
            {"start": 0.0, "end": 2.5, "speaker": "Ann Lee"},
            {"start": 2.0, "end": 3725.05, "speaker": "B"},
        ],
        "exclusive": [
            {"start": 0.0, "end": 2.25, "speaker": "Ann Lee"},
            {"start": 2.25, "end": 3725.05, "speaker": "B"},
        ],
        "usage": {"type": "duration", "seconds": 3727},
    }


def test_rttm_as_it_is_written() -> None:
    assert body(DiarizationFormat.RTTM) == (
        "SPEAKER talk 1 0.000 2.500 <NA> <NA> Ann_Lee <NA> <NA>\n"
        "SPEAKER talk 1 2.000 3723.050 <NA> <NA> B <NA> <NA>\n"
    )


def test_text_as_it_is_written() -> None:
    assert body(DiarizationFormat.TEXT) == "0:00.0 - 0:02.5  Ann Lee\n0:02.0 - 1:02:05.0  B\n"


@pytest.mark.parametrize(
    ("file_name", "file_id"),
    [
        ("talk.wav", "talk"),
        ("talk", "talk"),
        ("two\tbig  talks.tar.gz", "two_big_talks.tar"),
        ("/home of/x/talk.m4a", "talk"),
        ("C:\\x\\talk.m4a", "talk"),
        (".hidden", ".hidden"),
        ("", "recording"),
        (" ", "recording"),
        ("folder/", "recording"),
        ("설교.mp3", "설교"),
    ],
)
def test_the_file_id_is_the_name_of_the_recording(file_name: str, file_id: str) -> None:
    assert body(DiarizationFormat.RTTM, file_name=file_name).split(" ")[1] == file_id


@given(st.text(), st.text(min_size=1), st.floats(), st.floats())
def test_a_line_of_rttm_has_ten_fields_whatever_is_in_them(
    file_name: str, speaker: str, start_s: float, end_s: float
) -> None:
    turn = SpeakerTurn(start_s, end_s, speaker)
    written = body(DiarizationFormat.RTTM, Diarization((turn,), (), 1.0, "m"), file_name)
    (line,) = written.splitlines()
    fields = line.split()
    assert len(fields) == 10
    assert math.isfinite(float(fields[3]))


@pytest.mark.parametrize("form", list(DiarizationFormat))
def test_silence_has_no_turns(form: DiarizationFormat) -> None:
    written = body(form, Diarization((), (), 1.0, "m"))
    if form is DiarizationFormat.JSON:
        assert json.loads(written)["speakers"] == []
    else:
        assert written == ""


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        (DiarizationFormat.JSON, "application/json"),
        (DiarizationFormat.RTTM, "text/plain; charset=utf-8"),
        (DiarizationFormat.TEXT, "text/plain; charset=utf-8"),
    ],
)
def test_every_format_has_its_media_type(form: DiarizationFormat, media_type: str) -> None:
    assert render_diarization(TALK, DiarizationOptions(form, "", 0)).media_type == media_type

"""Asks a server who speaks when, and who says what; keeps no score."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from loquent.domain.speakers import SpeakerTurn
from tests.assets import sample
from tests.live.server import RunningServer, serving

DIARIZATION = "/v1/audio/diarization"
TRANSCRIPTION = "/v1/audio/transcriptions"


@dataclass(frozen=True, slots=True)
class Told:
    """Who speaks when, as a server tells it.

    Attributes:
        turns: they overlap where several speak at once.
        took_s: with the upload.
    """

    turns: tuple[SpeakerTurn, ...]
    took_s: float

    @property
    def n_speakers(self) -> int:
        return len({turn.speaker for turn in self.turns})


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A word as a server heard it; `speaker` is None where nobody is named."""

    text: str
    start_s: float
    end_s: float
    speaker: str | None

    @property
    def mid_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@contextmanager
def speaker_server() -> Iterator[RunningServer]:
    """Serve files of any size, with the models in memory that tell speakers apart and read."""
    with serving(LOQUENT_MAX_UPLOAD_BYTES=0, LOQUENT_MAX_AUDIO_S=0) as server:
        told(server, sample())
        yield server


def told(server: RunningServer, recording: Path, known: Mapping[str, Path] | None = None) -> Told:
    """Ask who speaks when.

    Args:
        known: recordings of voices by the names that they are to be called.
    """
    references = known or {}
    fields = {
        "known_speaker_names[]": list(references),
        "known_speaker_references[]": [_data_url(path) for path in references.values()],
    }
    began_s = time.perf_counter()
    answer = _asked(server, DIARIZATION, recording, fields if known else {})
    took_s = time.perf_counter() - began_s
    turns = (SpeakerTurn(t["start"], t["end"], t["speaker"]) for t in answer["segments"])
    return Told(tuple(turns), took_s)


def said_words(server: RunningServer, recording: Path, model: str) -> list[SaidWord]:
    """Ask who says what in an English recording."""
    fields = {
        "model": model,
        "language": "en",
        "diarise": "true",
        "response_format": "verbose_json",
        "timestamp_granularities[]": "word",
    }
    words = _asked(server, TRANSCRIPTION, recording, fields)["words"]
    return [SaidWord(w["word"], w["start"], w["end"], w.get("speaker")) for w in words]


def transcribed_s(server: RunningServer, recording: Path, model: str, *, diarise: bool) -> float:
    """Return how long a transcription takes."""
    began_s = time.perf_counter()
    fields = {"model": model, "language": "en", "response_format": "verbose_json"}
    _asked(server, TRANSCRIPTION, recording, fields | ({"diarise": "true"} if diarise else {}))
    return time.perf_counter() - began_s


def _asked(
    server: RunningServer, path: str, recording: Path, fields: Mapping[str, Any]
) -> dict[str, Any]:
    with recording.open("rb") as file:
        answer = requests.post(
            server.url + path, files={"file": (recording.name, file)}, data=fields, timeout=None
        )
    if not answer.ok:
        raise RuntimeError(f"{path} says {answer.status_code}: {answer.text}")
    body: dict[str, Any] = answer.json()
    return body


def _data_url(path: Path) -> str:
    return "data:audio/wav;base64," + base64.b64encode(path.read_bytes()).decode()

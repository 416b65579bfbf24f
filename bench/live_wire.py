"""Hands jobs to the client's process and reads what it noted; keeps no score."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.live_values import Frame, Job, Session, Stream, TimedWord

ADDRESS = "/v1/audio/transcriptions-realtime"
_FINAL = "FinalTranscript"
_TRANSCRIPTS = frozenset({"PartialTranscript", _FINAL})


def address(url: str, model: str) -> str:
    """Return where a server at the http address `url` takes live streams."""
    return f"{url.replace('http', 'ws', 1)}{ADDRESS}?model={model}"


def opening(language: str | None = "en") -> dict[str, object]:
    """Return the first frame of a session."""
    return {"sample_rate": 16_000} | ({"language": language} if language else {})


def lane(*streams: Stream) -> list[tuple[str, str]]:
    """Put streams one behind the other."""
    return [(stream.name, str(stream.path)) for stream in streams]


def perform(job: Job) -> list[Session]:
    """Let the client do `job` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.live_client"],
        input=json.dumps(asdict(job)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [parse_session(notes) for notes in json.loads(done.stdout)["sessions"]]


def parse_session(notes: dict[str, Any]) -> Session:
    """Read what the client noted of one session."""
    frames = [
        _frame(at_s, message)
        for at_s, message in notes["frames"]
        if message.get("message_type") in _TRANSCRIPTS
    ]
    return Session(**{**notes, "frames": tuple(frames)})


def _frame(at_s: float, message: dict[str, Any]) -> Frame:
    return Frame(
        at_s,
        message["message_type"] == _FINAL,
        message["text"],
        message["audio_start"] / 1000,
        message["audio_end"] / 1000,
        tuple(_word(word) for word in message["words"]),
    )


def _word(word: dict[str, Any]) -> TimedWord:
    return TimedWord(word["text"], word["start"] / 1000, word["end"] / 1000)


def slip(sessions: Sequence[Session]) -> str:
    """Say how punctual the client was itself, and whether the server held it up."""
    late_ms = 1000 * max((session.late_s for session in sessions), default=0.0)
    blocked_ms = 1000 * max((session.blocked_s for session in sessions), default=0.0)
    return f"client late by at most {late_ms:.0f} ms, one send took at most {blocked_ms:.0f} ms"

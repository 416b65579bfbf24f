"""Writes who speaks when, one function per format; knows no HTTP and nothing of what is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from loquent.domain.speakers import Diarization, SpeakerTurn
from loquent.render import payload
from loquent.render.lines import on_one_line
from loquent.render.options import Rendered

_NAMELESS_RECORDING = "recording"
_UNFIT_FOR_RTTM = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_PLAIN_TEXT = "text/plain; charset=utf-8"


class DiarizationFormat(StrEnum):
    """The forms an answer can take, as spelled on the wire and on the command line."""

    JSON = "json"
    RTTM = "rttm"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class DiarizationOptions:
    """How one answer is to be written.

    Attributes:
        answer_id: the id that this answer carries.
        created_s: Unix time of the answer, whole seconds.
        file_name: what the recording is called; a path, a bare name, or empty.
    """

    format: DiarizationFormat
    answer_id: str
    created_s: int
    file_name: str = ""


def render_diarization(diarization: Diarization, options: DiarizationOptions) -> Rendered:
    """Write `diarization` in the format that `options` names."""
    return _RENDERERS[options.format](diarization, options)


def _json(diarization: Diarization, options: DiarizationOptions) -> Rendered:
    """Write everything: who there is, all turns, and the turns with one speaker at a time."""
    body: payload.JsonObject = {
        "id": options.answer_id,
        "object": "audio.diarization",
        "created": options.created_s,
        "provider": diarization.provider,
        "model": diarization.model,
        "duration": payload.seconds(diarization.duration_s),
        "speakers": list(diarization.speakers),
        "segments": _turns(diarization.turns),
        "exclusive": _turns(diarization.exclusive),
        "usage": payload.duration_usage(diarization.duration_s),
    }
    return Rendered(payload.encode(body), "application/json")


def _turns(turns: Iterable[SpeakerTurn]) -> list[payload.JsonObject]:
    return [
        {
            "start": payload.seconds(turn.start_s),
            "end": payload.seconds(turn.end_s),
            "speaker": turn.speaker,
        }
        for turn in turns
    ]


def _rttm(diarization: Diarization, options: DiarizationOptions) -> Rendered:
    """Write a line for each turn, overlapping ones included.

    Source: NIST, Rich Transcription 2009 evaluation plan; the file id is the name of the recording
    without folder and suffix, as scoring tools expect it.
    """
    name = re.split(r"[/\\]", options.file_name)[-1]
    stem = (name.rpartition(".")[0] or name).strip()
    file_id = _rttm_word(stem or _NAMELESS_RECORDING)
    lines = (
        f"SPEAKER {file_id} 1 {payload.seconds(turn.start_s):.3f}"
        f" {payload.seconds(turn.duration_s):.3f} <NA> <NA> {_rttm_word(turn.speaker)} <NA> <NA>\n"
        for turn in diarization.turns
    )
    return Rendered("".join(lines).encode(errors="replace"), _PLAIN_TEXT)


def _rttm_word(text: str) -> str:
    """Return `text` as a field of RTTM, which ends at white space."""
    return _UNFIT_FOR_RTTM.sub("_", text)


def _text(diarization: Diarization, _options: DiarizationOptions) -> Rendered:
    """Write a line for each turn that a person can read."""
    lines = (
        f"{_clock(turn.start_s)} - {_clock(turn.end_s)}  {on_one_line(turn.speaker)}\n"
        for turn in diarization.turns
    )
    return Rendered("".join(lines).encode(errors="replace"), _PLAIN_TEXT)


def _clock(time_s: float) -> str:
    """Write a time as minutes and seconds, with hours where there are any."""
    minutes, tenths = divmod(round(payload.seconds(time_s) * 10), 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


_Renderer: TypeAlias = Callable[[Diarization, DiarizationOptions], Rendered]

_RENDERERS: Final[Mapping[DiarizationFormat, _Renderer]] = {
    DiarizationFormat.JSON: _json,
    DiarizationFormat.RTTM: _rttm,
    DiarizationFormat.TEXT: _text,
}

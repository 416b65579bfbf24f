"""Makes live streams of recorded speech and knows when in them each word is said."""

from __future__ import annotations

import random
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from bench.corpus import PACKAGED, Recording, has_set, recordings
from bench.live_values import Passage, Stream, TimedWord
from loquent.codec.decoder import decode_windows
from loquent.codec.sniff import sniff
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from tests.live.server import RunningServer

LIBRISPEECH = "librispeech_test_other"
GAP_S = (0.8, 2.0)
TAIL_S = 2.0
"""Silence at the end of a stream, so that its last utterance ends by itself."""

FAINT_DBFS = -75.0

EDGE_S = 0.4
"""How far from the time of a word the edge of speech is looked for: Whisper's words begin up to a
third of a second early."""

STEP_S = 0.02
BELOW_PEAK_DB = 40.0
ABOVE_FLOOR_DB = 15.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and what the server makes of it as a file.

    Attributes:
        text: what is said.
        offline: the text of the server.
        words: those of `offline`, times in the clip.
        start_s: where speech truly starts.
        end_s: where speech truly ends.
    """

    samples: Samples
    text: str
    offline: str
    words: tuple[TimedWord, ...]
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


def english(shortest_s: float = 0.0, longest_s: float = 60.0) -> list[Recording]:
    """Return recordings of such lengths in an order that mixes them, the same every time."""
    found = [
        r
        for r in recordings(LIBRISPEECH if has_set(LIBRISPEECH) else PACKAGED)
        if r.language == "en" and shortest_s <= r.duration_s <= longest_s
    ]
    random.Random(0).shuffle(found)
    return found


def heard(
    server: RunningServer, model: str, chosen: Sequence[Recording], enough_s: float = 3600.0
) -> list[Clip]:
    """Let the server hear recordings as files, until `enough_s` of clips are there."""
    clips: list[Clip] = []
    for recording in chosen:
        if sum(clip.duration_s for clip in clips) >= enough_s:
            break
        clip = _heard(server, model, recording.path, recording.text or "")
        clips += [clip] if clip else []
    return clips


def cut_short(server: RunningServer, model: str, clip: Clip) -> Clip | None:
    """Return the clip without what follows its speech, heard anew; None if nothing was heard."""
    samples = clip.samples[: round(clip.end_s * SAMPLE_RATE_HZ)]
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        path = Path(file.name)
        with wave.open(str(path), "wb") as out:
            out.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
            out.writeframes(_s16le(samples))
        return _heard(server, model, path, clip.text)


def taken(clips: Sequence[Clip], length_s: float, chance: random.Random) -> list[Clip]:
    """Choose clips in random order that fill `length_s` with the gaps between them."""
    order = list(clips)
    chance.shuffle(order)
    chosen: list[Clip] = []
    left_s = length_s - TAIL_S
    for clip in cycle(order):
        left_s -= clip.duration_s + sum(GAP_S) / 2
        if left_s < 0 and chosen:
            break
        chosen.append(clip)
    return chosen


def compose(clips: Sequence[Clip], path: Path, *, seed: int, ends_abruptly: bool = False) -> Stream:
    """Write clips with faint silences around them as one stream.

    Args:
        ends_abruptly: the last clip ends the stream, in place of `TAIL_S` of silence.
    """
    chance = random.Random(seed)
    parts: list[Samples] = []
    passages: list[Passage] = []
    n_samples = 0
    for clip in clips:
        gap = _faint(chance.uniform(*GAP_S), seed=chance.randrange(1 << 30))
        passages.append(_placed(clip, (n_samples + len(gap)) / SAMPLE_RATE_HZ))
        parts += [gap, clip.samples]
        n_samples += len(gap) + len(clip.samples)
    if not ends_abruptly:
        parts.append(_faint(TAIL_S, seed=chance.randrange(1 << 30)))
    return saved(np.concatenate(parts), path, tuple(passages))


def saved(samples: Samples, path: Path, passages: tuple[Passage, ...] = ()) -> Stream:
    """Write samples as a stream that is named like its file."""
    path.write_bytes(_s16le(samples))
    return Stream(path.stem, path, len(samples) / SAMPLE_RATE_HZ, passages)


def decoded(path: Path) -> Samples:
    """Decode a whole recording."""
    with path.open("rb") as file:
        return np.concatenate([*decode_windows(file, sniff(file), max_audio_s=0)])


def _heard(server: RunningServer, model: str, path: Path, text: str) -> Clip | None:
    answer = server.post(
        path,
        model=model,
        language="en",
        response_format="verbose_json",
        **{"timestamp_granularities[]": ["word", "segment"]},
    )
    answer.raise_for_status()
    body = answer.json()
    words = tuple(TimedWord(w["word"], w["start"], w["end"]) for w in body["words"])
    if not words:
        return None
    samples = decoded(path)
    return Clip(samples, text, body["text"].strip(), words, *edges(samples, words))


def edges(samples: Samples, words: Sequence[TimedWord]) -> tuple[float, float]:
    """Return where speech starts and ends: the first and last word, corrected by their loudness.

    An edge is the outermost frame of `STEP_S` within `EDGE_S` of the word's time that is louder
    than the clip's peak - `BELOW_PEAK_DB` and its floor + `ABOVE_FLOOR_DB`; the word's time stands
    where sound goes on to the border of that span, or none is loud.
    """
    step = round(STEP_S * SAMPLE_RATE_HZ)
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    level_db = 20 * np.log10(np.sqrt(np.mean(frames**2, axis=1)) + 1e-9)
    floor_db, peak_db = np.percentile(level_db, (5, 99.5))
    is_loud = level_db > max(peak_db - BELOW_PEAK_DB, floor_db + ABOVE_FLOOR_DB)
    start_s, end_s = words[0].start_s, words[-1].end_s
    onsets = list(_loud_within(is_loud, start_s))
    ends = list(_loud_within(is_loud, end_s))
    if onsets and onsets[0] * STEP_S > max(0.0, start_s - EDGE_S) + STEP_S:
        start_s = onsets[0] * STEP_S
    if ends and (ends[-1] + 2) * STEP_S < min(len(frames) * STEP_S, end_s + EDGE_S):
        end_s = (ends[-1] + 1) * STEP_S
    return start_s, end_s


def _loud_within(is_loud: np.ndarray[tuple[int], np.dtype[np.bool_]], at_s: float) -> Iterator[int]:
    first = max(0, round((at_s - EDGE_S) / STEP_S))
    last = min(len(is_loud), round((at_s + EDGE_S) / STEP_S))
    return (index for index in range(first, last) if is_loud[index])


def _placed(clip: Clip, at_s: float) -> Passage:
    words = tuple(TimedWord(w.text, w.start_s + at_s, w.end_s + at_s) for w in clip.words)
    return Passage(clip.text, clip.offline, words, clip.start_s + at_s, clip.end_s + at_s)


def _faint(length_s: float, *, seed: int) -> Samples:
    """Return silence as a good microphone records it."""
    noise = np.random.default_rng(seed).standard_normal(round(length_s * SAMPLE_RATE_HZ))
    return (noise * 10 ** (FAINT_DBFS / 20)).astype(np.float32)


def _s16le(samples: Samples) -> bytes:
    return (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()

"""Finds clips in which one person speaks, recorded ones and spoken by Kokoro; composes nothing."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps
from rich.progress import track

from bench.conversations import Pool, Said
from bench.corpus import Recording, has_set, recordings
from bench.live_corpus import decoded
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.speech import Waveform
from loquent.engines.kokoro.speaker import KokoroSpeaker
from loquent.engines.onnx import OnnxOptions
from loquent.ports import PieceOptions
from tests.assets import DATA_DIR, data_dir

SETS = ("librispeech_test_other", "librispeech_misc", "kerstin_de", "ljspeech")
"""Sets whose recordings name their speaker: nine who read English, one who reads German."""

KOKORO_VOICES = (
    "af_bella", "af_nicole", "af_sarah", "am_adam", "am_fenrir", "am_michael", "am_onyx",
    "am_puck", "bf_emma", "bf_isabella", "bm_george", "bm_lewis",
)  # fmt: skip

SENTENCES = (
    "I looked at the report again last night, and I still do not believe the second table.",
    "Well, we could ask them to count everything once more before the end of the week.",
    "That is exactly what I was afraid of. Nobody told us that the numbers had changed.",
    "Let us begin with the simple questions and leave the difficult ones for tomorrow morning.",
    "My train leaves at half past six, so I have about twenty minutes left for this.",
    "Do you remember the house near the river, where we used to meet in summer?",
)

SPOKEN = DATA_DIR / "bench-voices"
"""Where the sentences lie once they have been spoken."""

RMS = 0.05
"""Loudness of every clip before it is mixed."""

_KOKORO = "tts:"
_MARGIN = SAMPLE_RATE_HZ // 20
_REGIONS = VadOptions(min_silence_duration_ms=250, speech_pad_ms=30, min_speech_duration_ms=100)


@cache
def everybody() -> Pool:
    """Return all who can be heard, by name, with their clips in a fixed order."""
    return _by_person([*_recorded(), *_spoken()])


@cache
def readers_of_english() -> Pool:
    """Return those of whom is known what they say, in English."""
    return _by_person(entry for entry in _recorded() if entry[1].language == "en")


def whereabouts() -> str:
    """Say whose voices these are."""
    n_spoken = sum(name.startswith(_KOKORO) for name in everybody())
    return f"{len(everybody())} voices, {n_spoken} of them Kokoro's"


@cache
def said(clip: Recording) -> Said:
    """Return a clip at the loudness of all others, without the silence at its ends.

    Speech is where Silero finds it: a judge that none of the contenders asks.
    """
    samples = decoded(clip.path)
    found = get_speech_timestamps(samples, _REGIONS) or [{"start": 0, "end": len(samples)}]
    begin = max(0, found[0]["start"] - _MARGIN)
    end = min(len(samples), found[-1]["end"] + _MARGIN)
    regions = tuple((region["start"] - begin, region["end"] - begin) for region in found)
    return Said(_at_level(samples[begin:end]), regions, clip.text or "")


def _at_level(samples: Samples) -> Samples:
    rms = max(1e-6, float(np.sqrt(np.mean(samples**2))))
    return samples * np.float32(RMS / rms)


def _by_person(clips: Iterable[tuple[str, Recording]]) -> Pool:
    pool: dict[str, list[Recording]] = {}
    for name, clip in clips:
        pool.setdefault(name, []).append(clip)
    return {name: tuple(pool[name]) for name in sorted(pool)}


def _recorded() -> Iterator[tuple[str, Recording]]:
    for name in SETS:
        if has_set(name):
            for clip in recordings(name):
                yield f"{name}:{clip.speaker}", clip


def _spoken() -> Iterator[tuple[str, Recording]]:
    """Yield the sentences in every voice of Kokoro's, spoken where they have not been yet."""
    SPOKEN.mkdir(parents=True, exist_ok=True)
    wanted = [
        (SPOKEN / f"{voice}-{number}.wav", voice, text)
        for voice in KOKORO_VOICES
        for number, text in enumerate(SENTENCES, 1)
    ]
    missing = [entry for entry in wanted if not entry[0].exists()]
    if missing:
        speaker = KokoroSpeaker(data_dir() / "models" / "kokoro", OnnxOptions(1))
        for path, voice, text in track(missing, "Kokoro speaks", transient=True):
            options = PieceOptions(voices=((voice, 1.0),), language="en-US")
            piece = speaker.speak(text, options)
            unfinished = path.with_suffix(".part")
            save(unfinished, piece.samples, piece.sample_rate_hz)
            unfinished.rename(path)
    for path, voice, text in wanted:
        yield _KOKORO + voice, Recording(path, "en", text, speaker=voice)


def save(path: Path, samples: Waveform, rate_hz: int = SAMPLE_RATE_HZ) -> Path:
    """Write samples as a wav of 16 bits, what is too loud clipped."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate_hz, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return path

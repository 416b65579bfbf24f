"""Real weights, loaded once for all tests of a worker, and recordings as samples."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jiwer
import numpy as np
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from loquent.codec.decoder import decode_windows
from loquent.codec.sniff import sniff
from loquent.domain.audio import Samples
from loquent.engines.batch import Utterance, Width
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.silero_vad import SileroVad
from loquent.engines.whisper.context import tight_context_s
from loquent.engines.whisper.network import NetworkOptions
from loquent.engines.whisper.reader import BatchReader
from loquent.ports import Recognition, RecognitionOptions
from tests.assets import data_dir

ENGLISH_ONLY = "whisper-tiny.en"
MULTILINGUAL = "whisper-base"


def folder(model_id: str) -> Path:
    return data_dir() / "models" / model_id


@cache
def reader(model_id: str) -> BatchReader:
    return BatchReader(folder(model_id), NetworkOptions())


@cache
def detector() -> SileroVad:
    return SileroVad()


@cache
def samples_of(path: Path) -> Samples:
    with path.open("rb") as file:
        return np.concatenate([*decode_windows(file, sniff(file), max_audio_s=0)])


def read(
    model_id: str,
    samples: Samples | Sequence[Samples],
    options: RecognitionOptions,
    width: Width = Width.WIDE,
) -> list[Recognition]:
    """Recognise one utterance, or several in one batch."""
    several = [samples] if isinstance(samples, np.ndarray) else samples
    return reader(model_id).read([Utterance(one, options) for one in several], width)


class ThreadedEngine:
    """Weights of this process as a `BatchEngine`."""

    def __init__(self, model_id: str) -> None:
        self._reader = reader(model_id)
        self.n_workers = self._reader.n_workers

    async def recognize(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        return await asyncio.to_thread(self._reader.read, batch, width)


def recognizer(model_id: str) -> Scheduler:
    """Return the model as the rest of the house calls it."""
    return Scheduler(ThreadedEngine(model_id), context_s=tight_context_s)


class Recognizers:
    """Models that are in memory already."""

    async def recognizer(self, model_id: str) -> Scheduler:
        return recognizer(model_id)


def text_of(recognition: Recognition) -> str:
    return "".join(segment.text for segment in recognition.segments).strip()


def word_error_rate(reference: str, text: str) -> float:
    """Compare English texts, written numbers and spellings put aside."""
    normal = EnglishTextNormalizer()
    return float(jiwer.wer(normal(reference), normal(text)))


def character_error_rate(reference: str, text: str) -> float:
    """Compare texts of a script without spaces, punctuation put aside."""
    normal = BasicTextNormalizer()
    return float(jiwer.cer(_solid(normal(reference)), _solid(normal(text))))


def _solid(text: str) -> str:
    return re.sub(r"\s", "", text)

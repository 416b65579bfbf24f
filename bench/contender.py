"""One engine in a process of its own: jobs come in on standard input, answers go out.

Run as `python -m bench.contender NAME MODEL`; one JSON object a line both ways.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from faster_whisper import BatchedInferencePipeline, WhisperModel

from loquent.domain.audio import AudioSource
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Task, Transcript
from loquent.settings import load_settings
from loquent.wiring import LocalPlatform
from tests.assets import data_dir

Listen: TypeAlias = Callable[[Path, str | None, Task], str]
"""From recording, language (None to detect it) and task to text."""


def loquent(model: str) -> Listen:
    """Run the product's own pipeline, without HTTP, as `loquent transcribe` does."""
    platform = LocalPlatform(load_settings(data_dir=data_dir()))
    runner = asyncio.Runner()
    runner.run(platform.listening.decoder.start())
    runner.run(platform.listening.shelf.recognizer(model))

    async def transcribe(source: AudioSource, language: str | None, task: Task) -> str:
        request = TranscriptionRequest(model, task, language)
        async for update in platform.transcriber.transcribe(request, source):
            if isinstance(update, Transcript):
                return update.text
        raise AssertionError("a transcriber ends with a transcript")

    def listen(path: Path, language: str | None, task: Task) -> str:
        return runner.run(transcribe(AudioSource(path, path.stat().st_size), language, task))

    return listen


def faster_whisper(model: str) -> Listen:
    """Run the peer with its defaults, beam 5 among them, on the same weights and threads."""
    weights = WhisperModel(str(data_dir() / "models" / model), device="cpu", compute_type="int8")

    def transcribe(path: Path, language: str | None, task: Task) -> str:
        segments, _ = weights.transcribe(str(path), language=language, task=task, beam_size=5)
        return "".join(segment.text for segment in segments).strip()

    return transcribe


def faster_whisper_batched(model: str) -> Listen:
    """Run the peer's own pipeline of batches, eight stretches of one recording at a time."""
    weights = WhisperModel(str(data_dir() / "models" / model), device="cpu", compute_type="int8")
    pipeline = BatchedInferencePipeline(weights)

    def transcribe(path: Path, language: str | None, task: Task) -> str:
        segments, _ = pipeline.transcribe(str(path), language=language, task=task, batch_size=8)
        return "".join(segment.text for segment in segments).strip()

    return transcribe


CONTENDERS: dict[str, Callable[[str], Listen]] = {
    "loquent": loquent,
    "faster-whisper": faster_whisper,
    "faster-whisper-batched": faster_whisper_batched,
}


def main(name: str, model: str) -> None:
    """Answer jobs until there are no more."""
    listen = CONTENDERS[name](model)
    print(json.dumps({"ready": name}), flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        began_s = time.perf_counter()
        text = listen(Path(job["path"]), job["language"], Task(job["task"]))
        took_s = time.perf_counter() - began_s
        print(json.dumps({"text": text, "took_s": took_s}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Whisper as a `SpeechRecognizer`: one stretch at a time, in a thread of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from loquent.domain.audio import Samples
from loquent.engines.batch import Utterance, Width
from loquent.engines.whisper.reader import BatchReader
from loquent.ports import Recognition, RecognitionOptions


class WhisperRecognizer:
    """One model; it works for one stretch of speech at a time."""

    def __init__(self, reader: BatchReader) -> None:
        self._reader = reader
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        """Recognise `samples`, at most 30 s."""
        loop = asyncio.get_running_loop()
        batch = [Utterance(samples, options)]
        work = loop.run_in_executor(self._thread, self._reader.read, batch, Width.WIDE)
        return (await work)[0]

    def close(self) -> None:
        """Finish the running work and take no more."""
        self._thread.shutdown(cancel_futures=True)

"""Silero VAD on onnxruntime: speech probabilities, 32 ms at a time; knows nothing of regions."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from faster_whisper.utils import get_assets_path

from loquent.domain.audio import Samples

FRAME_SAMPLES = 512
"""Samples per probability; fixed by the model at 16 kHz. Source: Silero VAD v6."""

CONTEXT_SAMPLES = 64
"""Samples of the previous frame that the model sees again. Source: Silero VAD v6."""

_STATE_SHAPE = (1, 1, 128)


class SileroVad:
    """A loaded detector, shared by all streams; onnxruntime sessions are thread-safe."""

    def __init__(self, weights: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        path = weights or Path(get_assets_path()) / "silero_vad_v6.onnx"
        self._session = onnxruntime.InferenceSession(
            path, sess_options=options, providers=["CPUExecutionProvider"]
        )

        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="vad")

    def stream(self) -> SileroStream:
        """Start a recording of its own."""
        return SileroStream(self._session, self._threads)

    def close(self) -> None:
        """Finish the running work and take no more."""
        self._threads.shutdown(cancel_futures=True)


class SileroStream:
    """The recurrent state of one recording."""

    def __init__(self, session: onnxruntime.InferenceSession, threads: ThreadPoolExecutor) -> None:
        self._session = session
        self._threads = threads
        self._h = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._c = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, dtype=np.float32)
        self._pending = np.zeros(0, dtype=np.float32)

    async def probabilities(self, samples: Samples) -> Samples:
        """Return one speech probability per whole frame of 512 samples seen so far."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, samples)

    def _run(self, samples: Samples) -> Samples:
        pending = np.concatenate([self._pending, samples])
        n_frames = len(pending) // FRAME_SAMPLES
        self._pending = pending[n_frames * FRAME_SAMPLES :]
        if n_frames == 0:
            return np.zeros(0, dtype=np.float32)
        frames = pending[: n_frames * FRAME_SAMPLES].reshape(n_frames, FRAME_SAMPLES)
        contexts = np.vstack([self._context, frames[:-1, -CONTEXT_SAMPLES:]])
        self._context = frames[-1, -CONTEXT_SAMPLES:].copy()
        speech, self._h, self._c = self._session.run(
            None, {"input": np.hstack([contexts, frames]), "h": self._h, "c": self._c}
        )
        return np.asarray(speech, dtype=np.float32).reshape(n_frames)

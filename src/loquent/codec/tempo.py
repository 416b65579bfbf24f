"""Makes speech faster or slower at its own pitch; knows nothing of who speaks."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import av
import av.filter
import numpy as np

from loquent.domain.speech import Waveform

_FORMAT: Final = "fltp"
_MARGIN_S: Final = 0.15

_SLOWEST: Final = 0.5
"""What one atempo filter can do. Source: FFmpeg's documentation of it."""


def at_tempo(samples: Waveform, sample_rate_hz: int, tempo: float) -> Waveform:
    """Return `samples` `tempo` times as fast, so of 1/`tempo` their length.

    Args:
        tempo: up to 100; 1 changes nothing.
    """
    if tempo == 1.0 or not len(samples):
        return samples
    n_wanted = round(len(samples) / tempo)
    # The filter keeps back what it has no successor for.
    padded = np.pad(samples, (0, round(_MARGIN_S * sample_rate_hz * max(1.0, tempo))))
    stretched = np.concatenate(_filtered(padded, sample_rate_hz, tempo))
    return stretched[:n_wanted].clip(-1.0, 1.0)


def _steps(tempo: float) -> list[float]:
    """Part a tempo into steps that one filter can take."""
    n_steps = max(1, math.ceil(math.log(tempo) / math.log(_SLOWEST)))
    return [tempo ** (1 / n_steps)] * n_steps


def _filtered(samples: Waveform, sample_rate_hz: int, tempo: float) -> list[Waveform]:
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=sample_rate_hz,
        format=_FORMAT,
        layout="mono",
        time_base=Fraction(1, sample_rate_hz),
    )
    steps = [graph.add("atempo", f"{step:.6f}") for step in _steps(tempo)]
    graph.link_nodes(source, *steps, graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format=_FORMAT, layout="mono")
    frame.sample_rate, frame.pts = sample_rate_hz, 0
    graph.push(frame)
    graph.push(None)
    parts: list[Waveform] = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray().ravel().astype(np.float32))
        except (av.BlockingIOError, av.EOFError):
            return parts or [samples[:0]]

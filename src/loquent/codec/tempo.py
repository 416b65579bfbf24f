"""Makes speech faster or slower at its own pitch; knows nothing of who speaks."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
import av.filter
import numpy as np

from loquent.domain.speech import Waveform

_FORMAT: Final = "fltp"


def at_tempo(samples: Waveform, sample_rate_hz: int, tempo: float) -> Waveform:
    """Return `samples` `tempo` times as fast, so of 1/`tempo` their length.

    Args:
        tempo: from 0.5 to 100, what FFmpeg's atempo takes; 1 changes nothing.
    """
    if tempo == 1.0 or not len(samples):
        return samples
    n_wanted = round(len(samples) / tempo)
    stretched = np.concatenate(_filtered(samples, sample_rate_hz, tempo))
    if len(stretched) < n_wanted:
        stretched = np.pad(stretched, (0, n_wanted - len(stretched)))
    return stretched[:n_wanted].clip(-1.0, 1.0)


def _filtered(samples: Waveform, sample_rate_hz: int, tempo: float) -> list[Waveform]:
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=sample_rate_hz,
        format=_FORMAT,
        layout="mono",
        time_base=Fraction(1, sample_rate_hz),
    )
    filters = (source, graph.add("atempo", f"{tempo:.6f}"), graph.add("abuffersink"))
    graph.link_nodes(*filters).configure()
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

"""How much one recording may cost, and how many children may decode at once; enforces nothing."""

from __future__ import annotations

from dataclasses import dataclass

from loquent.domain.audio import SAMPLE_RATE_HZ

WINDOW_S = 5.0
"""Length of a decoded window: long enough that handing one over costs nothing beside decoding it
(320 kB, about 150 a quarter of an hour), short enough that work on the first can begin at once."""

WINDOW_SAMPLES = round(WINDOW_S * SAMPLE_RATE_HZ)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one recording and all of them together may use.

    Attributes:
        max_audio_s: longest recording, in seconds of sound; 0 for no limit.
        max_memory_bytes: address space of one child.
        max_cpu_s: processor time for one recording; 25 h of Opus take about 75 s.
        stall_timeout_s: longest wait for the next window of a recording.
        start_timeout_s: longest wait for a new child to be ready.
        n_warm: idle children kept ready.
        max_children: children that may exist at once; further recordings wait.
        linger_s: how long a child beyond `n_warm` stays idle before it is let go.
    """

    max_audio_s: float = 4 * 3600.0
    max_memory_bytes: int = 1 << 30
    max_cpu_s: int = 300
    stall_timeout_s: float = 20.0
    start_timeout_s: float = 20.0
    n_warm: int = 2
    max_children: int = 16
    linger_s: float = 30.0

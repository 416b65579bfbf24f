"""What a loaded model is doing, for whoever watches the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ModelActivity:
    """One model in memory, or on its way there.

    Attributes:
        memory_bytes: resident memory of the process that holds it, 0 where unknown.
        n_replicas: copies of it that can serve.
        n_workers: batches that all of them can work on side by side.
        n_running: batches it works on now.
        n_waiting: stretches of speech that wait, by lane.
        estimated_wait_s: how long a short recording that came now would wait for its turn.
        n_batches: batches done since it was loaded.
        n_utterances: stretches of speech in them.
        n_repairs: hypotheses that looked wrong and were decoded again.
    """

    model: str
    is_loaded: bool
    memory_bytes: int = 0
    n_replicas: int = 1
    n_workers: int = 0
    n_running: int = 0
    n_waiting: Mapping[str, int] = field(default_factory=dict)
    estimated_wait_s: float = 0.0
    n_batches: int = 0
    n_utterances: int = 0
    n_repairs: int = 0

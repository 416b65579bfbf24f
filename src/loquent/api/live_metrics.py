"""Count what live sessions do, for Prometheus; knows no socket and no text."""

from __future__ import annotations

from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from loquent.domain.live import Final

_WAIT_BUCKETS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 4, 8, 16)
"""From a text that was there already to a machine that cannot keep up."""


class LiveMetrics:
    """The counters of all live sessions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._live_sessions = Gauge(
            "loquent_live_sessions", "Live sessions that are open.", registry=registry
        )
        self._partials = Counter(
            "loquent_live_partials", "Partial transcripts sent.", registry=registry
        )
        self._final_wait = Histogram(
            "loquent_live_final_seconds",
            "Time from the end of an utterance, silence included, to its final text.",
            ("model",),
            buckets=_WAIT_BUCKETS_S,
            registry=registry,
        )
        self._words_shown = Counter(
            "loquent_live_words_shown",
            "Words shown in partial transcripts.",
            ("model",),
            registry=registry,
        )
        self._words_changed = Counter(
            "loquent_live_words_changed",
            "Words of partial transcripts that were changed later.",
            ("model",),
            registry=registry,
        )

    def track(self) -> AbstractContextManager[object]:
        """Count a live session as open while the context is."""
        return self._live_sessions.track_inprogress()

    def count_partial(self) -> None:
        """Count a partial transcript."""
        self._partials.inc()

    def count_final(self, final: Final, waited_s: float) -> None:
        """Count an utterance whose final text is known."""
        model = final.transcript.model
        self._final_wait.labels(model).observe(waited_s)
        self._words_shown.labels(model).inc(final.n_shown)
        self._words_changed.labels(model).inc(final.n_changed)

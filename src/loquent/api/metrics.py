"""Count what the server does, for Prometheus; knows no HTTP beyond labels and no text."""

from __future__ import annotations

from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

from loquent.api.edge import Exchange
from loquent.api.live_metrics import LiveMetrics
from loquent.domain.speakers import Diarization
from loquent.domain.transcript import Transcript

_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_DURATION_BUCKETS_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""From a health check to an hour of audio on a small machine."""


class Series:
    """The counters of one process, in a registry of their own.

    No label holds what a caller chose freely, so their number stays bounded.
    """

    def __init__(self, *collectors: Collector) -> None:
        """Take what else is to be read whenever the metrics are asked for."""
        self.registry = CollectorRegistry()
        for collector in collectors:
            self.registry.register(collector)
        self.requests = Counter(
            "loquent_requests",
            "Answered requests.",
            ("route", "method", "status", "model", "deployment"),
            registry=self.registry,
        )
        self.duration = Histogram(
            "loquent_request_duration_seconds",
            "Time from a request's headers to the last byte of its answer.",
            ("route", "method"),
            buckets=_DURATION_BUCKETS_S,
            registry=self.registry,
        )
        self.audio_seconds = Counter(
            "loquent_audio_seconds",
            "Decoded audio that was transcribed, translated, or searched for speakers alone.",
            ("model", "deployment"),
            registry=self.registry,
        )
        self.characters = Counter(
            "loquent_characters",
            "Characters of recognised text.",
            ("model", "deployment"),
            registry=self.registry,
        )
        self.speech_characters = Counter(
            "loquent_speech_characters",
            "Characters of text that were spoken.",
            ("model", "deployment"),
            registry=self.registry,
        )
        self.speech_seconds = Counter(
            "loquent_speech_seconds",
            "Sound that was made of text.",
            ("model", "deployment"),
            registry=self.registry,
        )
        self.speaking = Gauge(
            "loquent_speeches_in_flight",
            "Texts being spoken now.",
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "loquent_transcriptions_in_flight",
            "Recordings being worked on now.",
            registry=self.registry,
        )
        self.live = LiveMetrics(self.registry)


class Metrics:
    """Counts what one application does.

    Args:
        deployment_id: whose application that is, "" for what all share.
    """

    def __init__(self, series: Series, deployment_id: str = "") -> None:
        self._series = series
        self._deployment = deployment_id

    @property
    def live(self) -> LiveMetrics:
        """Those of live sessions."""
        return self._series.live

    def within(self, deployment_id: str) -> Metrics:
        """Return the same counters, for what is counted in a deployment."""
        return Metrics(self._series, deployment_id)

    def count_exchange(self, exchange: Exchange) -> None:
        """Count one request that is over."""
        method = exchange.method if exchange.method in _KNOWN_METHODS else "OTHER"
        self._series.requests.labels(
            exchange.route, method, str(exchange.status), exchange.model, exchange.deployment
        ).inc()
        self._series.duration.labels(exchange.route, method).observe(exchange.duration_s)

    def count_transcript(self, transcript: Transcript) -> None:
        """Count one finished piece of recognition."""
        labels = (transcript.model, self._deployment)
        self._series.audio_seconds.labels(*labels).inc(transcript.duration_s)
        self._series.characters.labels(*labels).inc(len(transcript.text))

    def count_diarization(self, diarization: Diarization) -> None:
        """Count one recording of which only the speakers were asked for."""
        self._series.audio_seconds.labels(diarization.model, self._deployment).inc(
            diarization.duration_s
        )

    def count_text(self, model: str, n_characters: int) -> None:
        """Count a text whose first sound has been made."""
        self._series.speech_characters.labels(model, self._deployment).inc(n_characters)

    def count_sound(self, model: str, duration_s: float) -> None:
        """Count sound, as it is made."""
        self._series.speech_seconds.labels(model, self._deployment).inc(duration_s)

    def track_speech(self) -> AbstractContextManager[object]:
        """Count a text as in flight while the context is open."""
        return self._series.speaking.track_inprogress()

    def track_work(self) -> AbstractContextManager[object]:
        """Count a recording as in flight while the context is open."""
        return self._series.in_flight.track_inprogress()

    def exposition(self) -> bytes:
        """Return every metric in Prometheus' text format."""
        return generate_latest(self._series.registry)

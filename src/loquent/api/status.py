"""Answer what the server is doing; computes none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TypeAlias

from fastapi import FastAPI
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from loquent.api.dialects import DIALECTS
from loquent.api.openapi import error_answers
from loquent.api.schemas import FollowedStream, LoadedModel, Status
from loquent.api.system import AT_SERVICE, Readiness
from loquent.domain.activity import ModelActivity
from loquent.domain.errors import AuthenticationError
from loquent.domain.live import LiveActivity
from loquent.ports import ActivityBoard, LiveBoard


def add_status_routes(
    app: FastAPI, readiness: Readiness, board: ActivityBoard, live: LiveBoard
) -> None:
    """Add the status of models, queues and live sessions, under every prefix."""

    async def show_status() -> Status:
        """Show the models in memory, what waits for them and for how long, and live sessions."""
        models = [LoadedModel(**asdict(activity)) for activity in board.activity()]
        streams = [_stream(session) for session in live.sessions()]
        is_ready = readiness() in AT_SERVICE
        return Status(ready=is_ready, models=models, live_sessions=streams)

    for prefix, dialect in DIALECTS.items():
        app.add_api_route(
            f"{prefix}/status",
            show_status,
            methods=["GET"],
            responses=error_answers((AuthenticationError,), dialect.error_style),
        )


def _stream(session: LiveActivity) -> FollowedStream:
    times = {name: round(getattr(session, name), 3) for name in ("age_s", "heard_s", "lag_s")}
    return FollowedStream(**{**asdict(session), **times})


Boards: TypeAlias = Callable[[], Iterable[tuple[str, ActivityBoard, LiveBoard]]]
"""What is done in each deployment by its id, what all share being ""."""


class ActivityCollector(Collector):
    """The same for Prometheus, read when it is asked for."""

    def __init__(self, boards: Boards) -> None:
        self._boards = boards

    def describe(self) -> list[Metric]:
        """Name no metric in advance: there may be no model yet."""
        return []

    def collect(self) -> list[Metric]:
        """Read the boards."""
        models, sessions = _ModelGauges(), _SessionGauges()
        for deployment, board, live in self._boards():
            for activity in board.activity():
                models.add(deployment, activity)
            sessions.add(deployment, live.sessions())
        return [*models.metrics(), *sessions.metrics()]


class _SessionGauges:
    """The live sessions of each model."""

    def __init__(self) -> None:
        self._lag = _gauge("loquent_live_lag_seconds", "Longest lag of the live sessions.")
        self._cadence = _gauge(
            "loquent_live_cadence_seconds",
            "Time between partials that the load allows, 0 for none.",
        )

    def add(self, deployment: str, sessions: Iterable[LiveActivity]) -> None:
        by_model: dict[str, list[LiveActivity]] = {}
        for session in sessions:
            by_model.setdefault(session.model, []).append(session)
        for model, followed in by_model.items():
            labels = [model, deployment]
            self._lag.add_metric(labels, max(session.lag_s for session in followed))
            self._cadence.add_metric(labels, followed[0].cadence_s or 0.0)

    def metrics(self) -> list[Metric]:
        return [self._lag, self._cadence]


class _ModelGauges:
    """What models are doing."""

    def __init__(self) -> None:
        self._memory = _gauge("loquent_model_memory_bytes", "Resident memory of a loaded model.")
        self._running = _gauge("loquent_batches_running", "Batches being worked on.")
        self._wait = _gauge("loquent_queue_wait_seconds", "Estimated wait of a short recording.")
        self._waiting = _gauge("loquent_queue_length", "Stretches of speech that wait.", "lane")
        self._batches = _counter("loquent_batches", "Batches done.")
        self._utterances = _counter("loquent_utterances", "Stretches of speech recognised.")
        self._repairs = _counter("loquent_repairs", "Hypotheses that looked wrong, decoded again.")

    def add(self, deployment: str, activity: ModelActivity) -> None:
        labels = [activity.model, deployment]
        self._memory.add_metric(labels, activity.memory_bytes)
        self._running.add_metric(labels, activity.n_running)
        self._wait.add_metric(labels, activity.estimated_wait_s)
        self._batches.add_metric(labels, activity.n_batches)
        self._utterances.add_metric(labels, activity.n_utterances)
        self._repairs.add_metric(labels, activity.n_repairs)
        for lane, n_waiting in activity.n_waiting.items():
            self._waiting.add_metric([*labels, lane], n_waiting)

    def metrics(self) -> list[Metric]:
        gauges = [self._memory, self._running, self._wait, self._waiting]
        return [*gauges, self._batches, self._utterances, self._repairs]


def _gauge(name: str, meaning: str, *more_labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=["model", "deployment", *more_labels])


def _counter(name: str, meaning: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, meaning, labels=["model", "deployment"])

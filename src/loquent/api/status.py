"""Answer what the server is doing; computes none of it."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import FastAPI
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from loquent.api.dialects import DIALECTS
from loquent.api.openapi import error_answers
from loquent.api.schemas import FollowedStream, LoadedModel, Status
from loquent.domain.errors import AuthenticationError
from loquent.domain.live import LiveActivity
from loquent.ports import ActivityBoard, LiveBoard, ModelDirectory


def add_status_routes(
    app: FastAPI, directory: ModelDirectory, board: ActivityBoard, live: LiveBoard
) -> None:
    """Add the status of models, queues and live sessions, under every prefix."""

    async def show_status() -> Status:
        """Show the models in memory, what waits for them and for how long, and live sessions."""
        models = [LoadedModel(**asdict(activity)) for activity in board.activity()]
        streams = [_stream(session) for session in live.sessions()]
        return Status(ready=directory.is_ready(), models=models, live_sessions=streams)

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


class ActivityCollector(Collector):
    """The same for Prometheus, read when it is asked for."""

    def __init__(self, board: ActivityBoard, live: LiveBoard) -> None:
        self._board = board
        self._live = live

    def describe(self) -> list[Metric]:
        """Name no metric in advance: there may be no model yet."""
        return []

    def collect(self) -> list[Metric]:
        """Read the boards."""
        return [*self._models(), *self._sessions()]

    def _sessions(self) -> list[Metric]:
        lag = _gauge("loquent_live_lag_seconds", "Longest lag of the live sessions.")
        cadence = _gauge(
            "loquent_live_cadence_seconds",
            "Time between partials that the load allows, 0 for none.",
        )
        sessions: dict[str, list[LiveActivity]] = {}
        for session in self._live.sessions():
            sessions.setdefault(session.model, []).append(session)
        for model, followed in sessions.items():
            lag.add_metric([model], max(session.lag_s for session in followed))
            cadence.add_metric([model], followed[0].cadence_s or 0.0)
        return [lag, cadence]

    def _models(self) -> list[Metric]:
        memory = _gauge("loquent_model_memory_bytes", "Resident memory of a loaded model.")
        running = _gauge("loquent_batches_running", "Batches being worked on.")
        wait = _gauge("loquent_queue_wait_seconds", "Estimated wait of a short recording.")
        waiting = _gauge("loquent_queue_length", "Stretches of speech that wait.", "lane")
        batches = _counter("loquent_batches", "Batches done.")
        utterances = _counter("loquent_utterances", "Stretches of speech recognised.")
        repairs = _counter("loquent_repairs", "Hypotheses that looked wrong, decoded again.")
        for activity in self._board.activity():
            labels = [activity.model]
            memory.add_metric(labels, activity.memory_bytes)
            running.add_metric(labels, activity.n_running)
            wait.add_metric(labels, activity.estimated_wait_s)
            batches.add_metric(labels, activity.n_batches)
            utterances.add_metric(labels, activity.n_utterances)
            repairs.add_metric(labels, activity.n_repairs)
            for lane, n_waiting in activity.n_waiting.items():
                waiting.add_metric([*labels, lane], n_waiting)
        return [memory, running, wait, waiting, batches, utterances, repairs]


def _gauge(name: str, meaning: str, *more_labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=["model", *more_labels])


def _counter(name: str, meaning: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, meaning, labels=["model"])

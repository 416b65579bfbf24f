"""Answer what the server is doing; computes none of it."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import FastAPI
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from loquent.api.dialects import DIALECTS
from loquent.api.openapi import error_answers
from loquent.api.schemas import LoadedModel, Status
from loquent.domain.errors import AuthenticationError
from loquent.ports import ActivityBoard, ModelDirectory


def add_status_routes(app: FastAPI, directory: ModelDirectory, board: ActivityBoard) -> None:
    """Add the status of models and queues, under every prefix."""

    async def show_status() -> Status:
        """Show which models are in memory, what waits for them, and for how long."""
        models = [LoadedModel(**asdict(activity)) for activity in board.activity()]
        return Status(ready=directory.is_ready(), models=models)

    for prefix, dialect in DIALECTS.items():
        app.add_api_route(
            f"{prefix}/status",
            show_status,
            methods=["GET"],
            responses=error_answers((AuthenticationError,), dialect.error_style),
        )


class ActivityCollector(Collector):
    """The same for Prometheus, read when it is asked for."""

    def __init__(self, board: ActivityBoard) -> None:
        self._board = board

    def describe(self) -> list[Metric]:
        """Name no metric in advance: there may be no model yet."""
        return []

    def collect(self) -> list[Metric]:
        """Read the board."""
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

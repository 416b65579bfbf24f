"""How endpoints do, for Prometheus; read when it is asked for, computed elsewhere."""

from __future__ import annotations

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from loquent.routing.planner import Planner

_USUAL_AUDIO_S = 60.0


class EndpointCollector(Collector):
    """The board of endpoints as metrics; ids of endpoints come from the operator alone."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def describe(self) -> list[Metric]:
        """Name no metric in advance: there may be no endpoint yet."""
        return []

    def collect(self) -> list[Metric]:
        """Read the board."""
        board = self._planner.board
        up = _gauge("up", "Whether an endpoint may be called: 0 while it is left alone.")
        running = _gauge("requests_running", "Requests that an endpoint is working on.")
        errors = _gauge("error_rate", "Share of an endpoint's latest calls that failed.")
        expected = _gauge("expected_seconds", "Expected time of a call with a minute of audio.")
        attempts = CounterMetricFamily(
            "loquent_endpoint_attempts",
            "Calls of endpoints that are over.",
            labels=["endpoint", "outcome"],
        )
        for endpoint in self._planner.book.everything():
            standing = board.standing(endpoint, _USUAL_AUDIO_S)
            labels = [endpoint.id]
            up.add_metric(labels, float(standing.retry_in_s <= 0))
            running.add_metric(labels, board.n_running(endpoint))
            errors.add_metric(labels, standing.error_rate)
            expected.add_metric(labels, standing.expected_s)
            for outcome, n_calls in board.outcomes(endpoint).items():
                attempts.add_metric([*labels, outcome], n_calls)
        return [up, running, errors, expected, attempts]


def _gauge(name: str, meaning: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"loquent_endpoint_{name}", meaning, labels=["endpoint"])

"""How endpoints do, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from loquent.api.endpoint_metrics import EndpointCollector
from loquent.domain.errors import UpstreamKeyError
from tests.unit.routing.models import BASE, names
from tests.unit.routing.places import place, planner

FAR = place("far", stated_speed=60.0)


def test_endpoints_are_told_with_their_state() -> None:
    chooser = planner(names(BASE), FAR)
    assert chooser.board.begin(FAR)
    chooser.board.fail(FAR, UpstreamKeyError("no"))
    registry = CollectorRegistry()
    registry.register(EndpointCollector(chooser))
    told = generate_latest(registry).decode()
    assert 'loquent_endpoint_up{endpoint="far/large"} 0.0' in told
    assert 'loquent_endpoint_up{endpoint="local/whisper-base"} 1.0' in told
    assert 'loquent_endpoint_requests_running{endpoint="far/large"} 0.0' in told
    assert (
        'loquent_endpoint_attempts_total{endpoint="far/large",outcome="upstream_key_refused"} 1.0'
        in told
    )

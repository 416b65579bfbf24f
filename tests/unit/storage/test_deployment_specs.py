"""Deployments come back from their rows as they were, and what is not known is refused whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.deployments import Deployment, EngineChoice, QueueChoice, Replicas
from loquent.domain.rates import RateLimits
from loquent.storage.database import StorageError
from loquent.storage.deployment_specs import deployment_of, fields_of_deployment
from tests.unit.storage.account_books import FAST, LATER, NOON, PLAIN

_COUNTS = st.none() | st.integers(0, 2**40)
_SECONDS = st.floats(0, 1e9, allow_nan=False)
DEPLOYMENTS = st.builds(
    Deployment,
    id=st.just("dep-a"),
    models=st.lists(st.text(st.characters(), max_size=4), min_size=1, max_size=3).map(tuple),
    created_at=st.just(NOON),
    project_id=st.none() | st.just("proj_a"),
    engine=st.builds(
        EngineChoice,
        device=st.none() | st.just("cuda"),
        compute_type=st.none() | st.just("int8"),
        n_threads=_COUNTS,
        beam_size=_COUNTS,
        best_of=_COUNTS,
        exact=st.none() | st.booleans(),
        max_batch=_COUNTS,
    ),
    queue=st.builds(QueueChoice, st.none() | _SECONDS, _COUNTS),
    replicas=st.builds(Replicas, st.integers(0, 64), st.integers(1, 64)),
    idle_unload_s=_SECONDS,
    limits=st.builds(RateLimits, _COUNTS, _COUNTS, _COUNTS, _COUNTS, _COUNTS),
    region=st.text(st.characters(), max_size=4),
    closed_at=st.none() | st.just(LATER),
)


def _read(fields: Any) -> Deployment:
    row: Any = SimpleNamespace(**fields)
    return deployment_of(row)


@given(DEPLOYMENTS)
def test_deployments_come_back_from_their_rows(deployment: Deployment) -> None:
    fields = fields_of_deployment(deployment)

    assert _read(fields) == deployment
    assert str(fields["spec"]).isascii()


def test_what_is_as_usual_is_not_written() -> None:
    assert fields_of_deployment(PLAIN)["spec"] == '{"models":["whisper-base"]}'


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "[]",
        "{}",
        '{"models": "m"}',
        '{"models": [1]}',
        '{"models": ["m"], "colour": "red"}',
        '{"models": ["m"], "id": "other"}',
        '{"models": ["m"], "closed_at": null}',
        '{"models": ["m"], "engine": {"sampler": "x"}}',
        '{"models": ["m"], "engine": {"exact": 1}}',
        '{"models": ["m"], "engine": {"beam_size": true}}',
        '{"models": ["m"], "engine": {"device": 5}}',
        '{"models": ["m"], "queue": {"max_wait_s": NaN}}',
        '{"models": ["m"], "queue": {"max_wait_s": Infinity}}',
        '{"models": ["m"], "queue": {"max_wait_s": "1"}}',
        '{"models": ["m"], "replicas": {"least": 1.5}}',
        '{"models": ["m"], "limits": {"requests_per_hour": 1}}',
        "[" * 100_000,
    ],
)
def test_what_is_not_known_is_refused_with_what_to_do(spec: str) -> None:
    with pytest.raises(StorageError, match="newer Loquent"):
        _read({**fields_of_deployment(FAST), "spec": spec})

"""One cluster of two nodes for all tests that only ask it something."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ray.clusters import RunningCluster, running_cluster

HERE = Path(__file__).parent
MISSING = "Ray is not installed: pip install --require-hashes -r requirements/ray.txt"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run everything in this folder in one worker, so that one cluster is enough."""
    is_there = importlib.util.find_spec("ray") is not None
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("ray"))
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.timeout(900))
            if not is_there:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def cluster() -> Iterator[RunningCluster]:
    with running_cluster(n_nodes=2) as cluster:
        yield cluster

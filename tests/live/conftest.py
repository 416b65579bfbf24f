"""One server on real weights for all tests that only ask it something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.server import RunningServer, serving


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run everything in this folder in one worker, so that one server is enough."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.xdist_group("live"))
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def loquent() -> Iterator[RunningServer]:
    with serving() as server:
        yield server

"""One server on real weights, and one browser for each module that wants one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.assets import clip
from tests.console.browser import Visit, browsing, visiting
from tests.console.office import Office, furnished
from tests.live.server import RunningServer, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KEY = "lq_console_key"

HERE = Path(__file__).parent
REAL = ("test_pages.py", "test_pages_server.py")
"""Modules that drive the browser, on real weights."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run everything that shares the server in one worker."""
    for item in items:
        if item.path.parent == HERE and item.path.name in REAL:
            item.add_marker(pytest.mark.xdist_group("console"))
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def loquent() -> Iterator[RunningServer]:
    """Serve with a key, as a server that others may call does."""
    with serving(LOQUENT_API_KEY=KEY) as server:
        yield server


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Serve over full books."""
    with furnished(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser whose microphone hears a clip.

    It ends with its module: while it runs, no test in this process can have a loop of its own.
    """
    with browsing(clip("beckett")) as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, loquent: RunningServer) -> Iterator[Visit]:
    """Return somebody who has the key; whatever the browser complains of fails the test."""
    with visiting(browser, loquent.url, key=KEY) as visit:
        yield visit
    assert visit.complaints == []

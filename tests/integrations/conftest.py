"""A real server on a free port for programs that others wrote."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from loquent.api.app import ApiOptions
from tests.fakes.fake_directory import FakeDirectory
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.wire.conftest import KEY, LiveServer, running


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with running(ApiOptions(api_key=KEY), FakeTranscriber(), FakeDirectory()) as live:
        yield live
    gc.collect()  # what their clients leave open shows here, not in the middle of the next test

"""What holds for every test: no setting of the person who runs them reaches it."""

from __future__ import annotations

import os

from tests.assets import SPEECH_DATA_VARIABLE


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.startswith("LOQUENT_")]:
        if name != SPEECH_DATA_VARIABLE:
            del os.environ[name]

"""A stream that never ends takes no more memory after a day, and its times stay exact."""

from __future__ import annotations

import pickle

import pytest

from loquent.domain.live import Final
from loquent.pipeline.segmentation import FRAME_S
from loquent.realtime.commands import Command, Recognise, Release, Tell
from loquent.realtime.context import MAX_HEARD_S
from loquent.realtime.listener import Listener
from tests.unit.realtime.hypotheses import truth
from tests.unit.realtime.streams import n_frames, request, silence, speech

CYCLE = [*silence(20.0), *speech(2.0), *silence(8.0)]
"""Half a minute in which little is said."""

CYCLE_S = len(CYCLE) * FRAME_S
N_CYCLES = round(24 * 3600 / CYCLE_S)
N_AT_ONCE = 25


class Day:
    """Hears cycle after cycle, and has all that is asked for understood at once."""

    def __init__(self) -> None:
        self.listener = Listener(request(), "a/model")
        self.finals: list[Final] = []
        self.released_s = 0.0

    def live(self, n_cycles: int) -> None:
        for _ in range(n_cycles):
            for at in range(0, len(CYCLE), N_AT_ONCE):
                self.obey(self.listener.hear(CYCLE[at : at + N_AT_ONCE]))

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Recognise):
                self.obey(self.listener.recognised(command.number, truth(command)))
            elif isinstance(command, Tell) and isinstance(command.update, Final):
                self.finals.append(command.update)
            elif isinstance(command, Release):
                self.released_s = command.before_s

    @property
    def n_bytes(self) -> int:
        """How much the listener remembers."""
        return len(pickle.dumps(self.listener))


def test_a_day_leaves_no_trace_and_moves_no_time() -> None:
    day = Day()
    day.live(10)
    n_bytes = day.n_bytes
    day.live(N_CYCLES - 10)
    assert day.n_bytes <= 1.2 * n_bytes, "only the numbers grow longer"
    assert len(day.finals) == N_CYCLES
    padding_s = request().detection.prefix_padding_ms / 1000
    spoken_s = n_frames(20.0) * FRAME_S
    for number, final in enumerate(day.finals):
        start_s = number * CYCLE_S + spoken_s - padding_s
        assert final.start_s == pytest.approx(start_s, abs=1e-6)
    kept_s = N_CYCLES * CYCLE_S - day.released_s
    assert 0.0 <= kept_s <= MAX_HEARD_S + padding_s + FRAME_S

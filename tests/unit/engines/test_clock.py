"""The clock of the machine."""

from __future__ import annotations

from loquent.engines.clock import MonotonicClock


async def test_it_goes_forward_while_somebody_sleeps() -> None:
    clock = MonotonicClock()
    began_s = clock.now_s()
    await clock.sleep(0.001)
    assert clock.now_s() > began_s

"""Who dies at once, again and again, is started ever later."""

from __future__ import annotations

from loquent.engines.replicas.restarts import EARLY_S, MAX_PAUSE_S, Restarts


def test_each_early_death_in_a_row_doubles_the_pause_up_to_a_limit() -> None:
    restarts, pauses = Restarts(), []
    for now_s in range(0, 1_000, 100):
        restarts = restarts.after_death(EARLY_S - 0.1, float(now_s))
        pauses.append(restarts.may_start_s - now_s)
    assert pauses == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[MAX_PAUSE_S] * 3]


def test_a_copy_that_lived_long_is_replaced_at_once() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts = restarts.after_death(0.0, 50.0)
    restarts = restarts.after_death(EARLY_S, 60.0)
    assert restarts == Restarts()
    assert restarts.may_start_s < 60.0

"""What callers prefer is what they get, on a short made-up day."""

from __future__ import annotations

import asyncio

import pytest

from bench import svg
from bench.preferences import Score, hindsight, routed, score
from bench.preferences_day import composed
from bench.preferences_plot import drawn, ticks
from bench.virtual_time import run_virtually
from loquent.domain.endpoints import Preference

N_REQUESTS = 2_000
DAY = composed(0, N_REQUESTS)
BEST = hindsight(DAY)


@pytest.fixture(scope="module")
def scores() -> dict[Preference, Score]:
    return {each: score(DAY, BEST, routed(DAY, each)) for each in Preference}


def test_who_prefers_cost_pays_hardly_more_than_the_least(scores: dict[Preference, Score]) -> None:
    assert 0.99 <= scores[Preference.COST].cost_ratio < 1.03


def test_who_prefers_speed_waits_little_longer_than_need_be(
    scores: dict[Preference, Score],
) -> None:
    assert 0.97 < scores[Preference.SPEED].time_ratio < 1.18
    assert scores[Preference.SPEED].median_ratio < 1.1


def test_balance_lies_between_in_both(scores: dict[Preference, Score]) -> None:
    speed, balanced, cost = (
        scores[each] for each in (Preference.SPEED, Preference.BALANCED, Preference.COST)
    )
    assert speed.time_ratio < balanced.time_ratio < cost.time_ratio
    assert cost.cost_ratio < balanced.cost_ratio < speed.cost_ratio


def test_outages_cost_hardly_a_request(scores: dict[Preference, Score]) -> None:
    assert all(each.n_failed <= N_REQUESTS / 500 for each in scores.values())


def test_a_day_is_the_same_each_time() -> None:
    one, other = composed(3, 50), composed(3, 50)
    assert routed(one, Preference.SPEED) == routed(other, Preference.SPEED)


def test_virtual_time_passes_in_no_time() -> None:
    async def nap() -> float:
        await asyncio.sleep(1e6)
        return asyncio.get_running_loop().time()

    assert run_virtually(nap()) == pytest.approx(1e6)


def test_waiting_for_nothing_in_virtual_time_is_an_error() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing is due"):
        run_virtually(wait())


@pytest.mark.parametrize(
    ("top", "expected"), [(5, [0, 1, 2, 3, 4, 5]), (11, [0, 5, 10, 15]), (0.9, [0, 0.2, 0.4])]
)
def test_ticks_are_round_and_reach_the_top(top: float, expected: list[float]) -> None:
    found = ticks(top)
    assert found[: len(expected)] == pytest.approx(expected)
    assert found[-1] >= top


def test_a_picture_of_a_day_names_each_preference() -> None:
    day = composed(1, 200)
    chosen = {each: routed(day, each) for each in Preference}
    picture = drawn(day, hindsight(day), chosen)
    assert picture.startswith("<svg")
    assert all(f">{each.value}<" in picture for each in Preference)


def test_a_panel_puts_its_least_values_at_the_lower_left() -> None:
    axis = svg.Axis("of something (s)", (0, 1, 2))
    panel = svg.Panel("a panel", axis, axis, 10, 20, 100, 50)
    assert panel.place((0, 0)) == (10, 70)
    assert panel.place((2, 2)) == (110, 20)

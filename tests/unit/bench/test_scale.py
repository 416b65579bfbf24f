"""The simulation of many machines agrees with theory, and its page with what it computed."""

from __future__ import annotations

import heapq
import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from bench import scale, scale_figures, scale_page, scale_plot, svg
from bench.scale_cost import Rented, break_even, hosted
from bench.scale_day import (
    PEAK_S,
    WEEK_S,
    WORKING_DAY,
    Calls,
    Requests,
    Span,
    arrivals,
    calls,
    mean_shape,
    requests,
    shape,
)
from bench.scale_figures import FIGURES, Kind
from bench.scale_growth import Growth, Policy, Reading
from bench.scale_live import (
    FLOW,
    ROOM,
    Column,
    LiveSetup,
    follow,
    lags_s,
    late,
    late_share,
    refused_share,
)
from bench.scale_model import Load, plan
from bench.scale_queueing import Choice, Outage, Setup, serve
from bench.scale_scenarios import HOURS, STREAMS, live_row, live_setup, recording_row
from bench.scale_scenarios import recording_setup as setup_of
from bench.scale_theory import (
    N_WARM,
    QUEUES,
    TOLERANCE,
    Queue,
    erlang_b,
    simulated,
    steady_calls,
)
from loquent.pipeline.segmentation import MAX_STRETCH_S
from tests.assets import ROOT

MINUTES = Span(PEAK_S, PEAK_S + 1_200)


@pytest.mark.parametrize("queue", QUEUES, ids=str)
def test_waits_of_the_simplest_queues_are_those_of_theory(queue: Queue) -> None:
    wait_s = simulated(queue, 1).wait_s[N_WARM:]
    assert float(wait_s.mean()) == pytest.approx(queue.mean_wait_s, rel=TOLERANCE)
    assert float((wait_s > 0).mean()) == pytest.approx(queue.waits, rel=0.05)


def test_waits_in_one_queue_are_those_of_the_servers_that_are_free_first() -> None:
    """Each takes the server that is free first: waits follow from the times alone."""
    random = np.random.default_rng(2)
    at_s = np.cumsum(random.exponential(1 / 45, 20_000))
    work_s = random.lognormal(-0.7, 1.2, len(at_s))
    asked = Requests(at_s, work_s, work_s, np.ones(len(at_s), np.int64))
    setup = Setup(Policy(50, 50), 1, Choice.SHARED, refuse_s=math.inf)
    free_s = [0.0] * 50
    expected_s = []
    for begin_s, length_s in zip(at_s, work_s, strict=True):
        begins_s = max(begin_s, heapq.heappop(free_s))
        heapq.heappush(free_s, begins_s + length_s)
        expected_s.append(begins_s - begin_s)
    assert max(expected_s) > 0
    assert serve(asked, setup).wait_s == pytest.approx(expected_s, abs=1e-6)


def test_erlangs_formulas_give_what_is_printed_in_tables() -> None:
    assert erlang_b(10, 7.0) == pytest.approx(0.0787, abs=5e-4)
    assert Queue(1, 0.5).mean_wait_s == pytest.approx(1.0)
    assert Queue(10, 0.7).waits == pytest.approx(0.2217, abs=5e-4)


def test_live_sessions_find_no_room_as_often_as_theory_says() -> None:
    n_workers, load, length_s = 3, 27.0, 80_000.0
    asked = steady_calls(5, load, 100.0, length_s)
    policy = Policy(n_workers, n_workers)
    seconds = follow(asked, Span(0, length_s), LiveSetup(policy)).seconds
    theory = erlang_b(round(ROOM) * n_workers, load)
    assert refused_share(seconds[2_000:]) == pytest.approx(theory, rel=TOLERANCE)


def test_a_day_is_the_same_each_time_and_another_seed_is_another_day() -> None:
    setup = setup_of(HOURS[1])
    asked = requests(3, HOURS[1], MINUTES)
    one, other = serve(asked, setup), serve(requests(3, HOURS[1], MINUTES), setup)
    assert np.array_equal(one.wait_s, other.wait_s, equal_nan=True)
    assert np.array_equal(one.ticks, other.ticks)
    assert len(requests(4, HOURS[1], MINUTES).at_s) != len(asked.at_s)


def test_callers_come_as_often_as_the_week_says() -> None:
    whole = Span(0.0, WEEK_S)
    at_s = arrivals(np.random.default_rng(0), 2.0, whole)
    assert len(at_s) == pytest.approx(2.0 * mean_shape() * WEEK_S, rel=0.01)
    assert float(shape(np.array([PEAK_S]))[0]) == pytest.approx(1.0)
    of_month = requests(0, HOURS[1], whole).audio_s.sum() / 3_600 * (730 / 168)
    assert of_month == pytest.approx(HOURS[1], rel=0.02)


def test_every_recording_is_served_though_a_zone_is_lost() -> None:
    asked = requests(0, HOURS[1], MINUTES)
    policy = Policy(21, 21)
    calm = serve(asked, Setup(policy, 2))
    hit = serve(asked, Setup(policy, 2, outage=Outage(PEAK_S + 300, PEAK_S + 900)))
    assert calm.n_again == 0
    assert hit.n_again > 0
    assert not np.isnan(hit.wait_s).any()
    assert (hit.wait_s >= 0).all()
    assert float(np.percentile(hit.wait_s, 99)) > float(np.percentile(calm.wait_s, 99))
    assert hit.ticks[:, 1].min() == 14


def test_recordings_are_refused_where_nothing_can_serve_them_in_time() -> None:
    asked = requests(0, HOURS[1], MINUTES)
    served = serve(asked, Setup(Policy(3, 3), 2, refuse_s=60.0))
    refused = float(np.isnan(served.wait_s).mean())
    worked_s = float(asked.work_s[~np.isnan(served.wait_s)].sum())
    assert 0.3 < refused < 0.9
    assert worked_s > 0.95 * 6 * MINUTES.length_s


def test_a_shared_queue_waits_no_longer_than_the_shorter_of_two() -> None:
    asked = requests(0, HOURS[1], MINUTES)
    policy = Policy(15, 15)
    shared = serve(asked, Setup(policy, 2, Choice.SHARED)).wait_s
    shorter = serve(asked, Setup(policy, 2, Choice.SHORTER_OF_TWO)).wait_s
    assert float(shared.mean()) < float(shorter.mean())


def test_stretches_of_a_recording_are_worked_on_one_after_the_other() -> None:
    asked = Requests(
        np.array([0.0, 0.5]), np.array([60.0, 15.0]), np.array([4.0, 1.0]), np.array([4, 1])
    )
    for choice in Choice:
        served = serve(asked, Setup(Policy(1, 1), 1, choice))
        assert served.wait_s == pytest.approx([0.0, 0.5])


def test_a_pool_grows_at_once_and_shrinks_after_calm() -> None:
    growth = Growth(Policy(2, 50, wait_s=3.0, busy=0.7, calm_s=600.0))
    assert growth.size(0, Reading(4, 4, wait_s=0.0, busy=4.0)) == 6
    assert growth.size(15, Reading(6, 4, wait_s=6.0, busy=4.0)) == 8
    assert growth.size(300, Reading(8, 8, wait_s=0.0, busy=1.0)) == 8
    assert growth.size(700, Reading(8, 8, wait_s=0.0, busy=1.0)) == 2
    assert growth.size(715, Reading(10, 10, wait_s=900.0, busy=10.0)) == 20


def test_a_zone_takes_its_share_of_live_workers_and_finals_are_late_for_it() -> None:
    outage = Outage(PEAK_S + 300, PEAK_S + 900)
    asked = Calls(np.full(900, PEAK_S), np.full(900, 5_000.0))
    setup = LiveSetup(Policy(100, 100, busy=1.0), outage=outage)
    seconds = follow(asked, MINUTES, setup).seconds
    at_s = seconds[:, Column.AT_S]
    before, after = seconds[at_s < outage.begin_s], seconds[at_s >= outage.begin_s]
    assert before[-1, Column.OPEN] == 100
    assert after[0, Column.OPEN] == 66
    assert after[0, Column.LATE] == pytest.approx(0.34)
    assert late_share(before) < late_share(after)
    assert seconds[-1, Column.OPEN] == 100


def test_work_beyond_what_workers_can_follow_piles_up() -> None:
    n_streams = 10
    asked = Calls(np.full(n_streams, PEAK_S), np.full(n_streams, 5_000.0))
    outage = Outage(PEAK_S + 60, PEAK_S + 5_000)
    setup = LiveSetup(Policy(2, 2, start_s=9_000.0, busy=1.0), outage=outage)
    seconds = follow(asked, MINUTES, setup).seconds
    assert seconds[-1, Column.BEHIND_S] == 0
    crowded = Calls(np.full(20, PEAK_S), np.full(20, 5_000.0))
    behind_s = follow(crowded, MINUTES, setup).seconds[:, Column.BEHIND_S]
    n_s = MINUTES.length_s - 60
    replayed_s = 20 / 2 * 3.0
    assert behind_s[-1] == pytest.approx(((20 - FLOW) * n_s + replayed_s) / FLOW)


def test_finals_are_as_late_as_measured_where_it_was_measured() -> None:
    assert lags_s(6) == (1.17, 1.92)
    assert lags_s(ROOM) == (1.56, 2.94)
    assert late(6, 4.0) == 1.0
    assert late(1, 0.0) < late(6, 0.0) < late(ROOM, 0.0) < 0.05


def test_a_plan_grows_with_its_load() -> None:
    small, large = plan(Load(streams=100)), plan(Load(streams=10_000))
    assert large.live_workers == math.ceil(10_000 / 6)
    assert 90 < large.cores / small.cores < 110
    assert plan(Load(hours=1e6)).recording_workers > 100


def test_prices_are_those_of_the_catalog() -> None:
    by_name = {(each.provider, each.model, each.capability.value): each.usd for each in hosted()}
    assert by_name["groq", "whisper-large-v3", "transcription"] == pytest.approx(0.111)
    assert by_name["deepgram", "nova-3", "realtime"] == pytest.approx(60 * 0.0048)
    assert ("openai", "gpt-4o-transcribe", "transcription") not in by_name
    assert break_even(Rented("any", price=0.04, rate=4.0), 0.02) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "figure", [figure for figure in FIGURES if figure.quote], ids=lambda figure: figure.name
)
def test_a_measured_figure_stands_in_the_file_that_it_is_from(
    figure: scale_figures.Figure,
) -> None:
    notes, section = figure.source.split(", ", 1)
    text = (ROOT / notes).read_text()
    found = text.partition(f"\n## {section}")[2].partition("\n## ")[0]
    assert figure.quote in found


def test_every_figure_says_what_it_rests_on() -> None:
    for figure in FIGURES:
        assert figure.source
        if figure.kind is Kind.ASSUMED:
            assert figure.low is not None
            assert figure.high is not None
            assert figure.low <= figure.value <= figure.high
    assert scale_figures.STRETCH_S.value == MAX_STRETCH_S


def test_prices_are_drawn_beside_costs_on_an_axis_of_ratios() -> None:
    axis = svg.Axis("USD", (0.01, 0.1, 1.0), is_log=True)
    assert [axis.share(value) for value in axis.ticks] == pytest.approx([0.0, 0.5, 1.0])
    drawn = scale_plot.cost()
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert "nan" not in drawn
    assert "deepgram: nova-3" in drawn


def test_the_page_holds_what_was_computed() -> None:
    page = scale.PAGE.read_text()
    assert scale_page.filled(page, scale.kept()) == page, "run: python -m bench scale --tables"
    drawn = (scale.IMAGES / scale.COST).read_text()
    assert scale_plot.cost() == drawn, "run: python -m bench scale --tables"


def test_what_is_kept_is_what_the_simulation_gives_today() -> None:
    kept = scale.kept()
    smallest = recording_row(HOURS[0], setup_of(HOURS[0]), Choice.SHORTER_OF_TWO)
    streams = live_row(STREAMS[0], live_setup(STREAMS[0], 6.0), "6")
    told = scale.told([smallest, streams])
    assert told == scale.told([kept["recordings"][0], kept["live"][0]])
    assert WORKING_DAY.length_s == 86_400
    assert len(calls(0, 10, WORKING_DAY).at_s) == kept["live"][0]["sessions"]


def test_the_metrics_that_the_page_sends_people_to_exist() -> None:
    named = set(re.findall(r"`(loquent_\w+)`", scale.PAGE.read_text()))
    described = (ROOT / "docs" / "reference" / "http.md").read_text()
    assert named
    assert {name for name in named if f"| `{name}` |" not in described} == set()

"""The cost model: its start values, and how measurements correct them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.batch import Width
from loquent.engines.scheduling.cost import BatchShape, CostModel

ONE = BatchShape.of(4.0, 10.0)
WIDTHS = st.sampled_from(list(Width))
SHAPES = st.builds(
    lambda speech_s: BatchShape.of(speech_s, min(30.0, max(10.0, speech_s + 4.0))),
    st.floats(0.0, 29.0),
)


@pytest.mark.parametrize(
    ("context_s", "encoder_s"), [(30.0, 1.35), (15.0, 0.38), (10.0, 0.25), (4.0, 0.07)]
)
def test_the_start_values_are_near_what_was_measured(context_s: float, encoder_s: float) -> None:
    silence = BatchShape.of(0.0, context_s)
    assert CostModel(2).seconds(silence, Width.NARROW) == pytest.approx(encoder_s, rel=0.2)


def test_a_batch_is_cheaper_than_its_utterances_one_by_one() -> None:
    cost = CostModel(2)
    batch_s = cost.seconds(ONE.joined(ONE), Width.NARROW)
    assert cost.seconds(ONE, Width.NARROW) < batch_s < 2 * cost.seconds(ONE, Width.NARROW)


def test_a_long_companion_makes_everybody_pay() -> None:
    cost = CostModel(2)
    long = BatchShape.of(26.0, 30.0)
    apart_s = cost.seconds(ONE, Width.NARROW) + cost.seconds(long, Width.NARROW)
    assert cost.seconds(ONE.joined(long), Width.NARROW) > apart_s


def test_all_cores_are_faster_but_not_by_their_number() -> None:
    cost = CostModel(2)
    speedup = cost.seconds(ONE, Width.NARROW) / cost.seconds(ONE, Width.WIDE)
    assert speedup == pytest.approx(1.7, abs=0.02)
    assert CostModel(1).seconds(ONE, Width.WIDE) == CostModel(1).seconds(ONE, Width.NARROW)


def test_the_first_measurement_counts_in_full_and_speaks_for_the_other_width() -> None:
    fresh = CostModel(2)
    known = fresh.observe(ONE, Width.NARROW, 30 * fresh.seconds(ONE, Width.NARROW))
    assert known.seconds(ONE, Width.NARROW) == pytest.approx(30 * fresh.seconds(ONE, Width.NARROW))
    assert known.seconds(ONE, Width.WIDE) == pytest.approx(30 * fresh.seconds(ONE, Width.WIDE))


def test_each_width_learns_from_its_own_batches_once_it_has_some() -> None:
    fresh = CostModel(2)
    known = fresh.observe(ONE, Width.NARROW, 9.0).observe(ONE, Width.WIDE, 2.0)
    assert known.seconds(ONE, Width.NARROW) == pytest.approx(9.0)
    assert known.seconds(ONE, Width.WIDE) == pytest.approx(2.0)


def test_one_odd_batch_among_many_hardly_matters() -> None:
    cost = CostModel(2)
    for _batch in range(20):
        cost = cost.observe(ONE, Width.NARROW, 1.0)
    assert cost.observe(ONE, Width.NARROW, 3.0).seconds(ONE, Width.NARROW) < 1.21


@given(SHAPES, WIDTHS, st.floats(0.0, 100.0))
def test_nothing_ever_becomes_free(shape: BatchShape, width: Width, measured_s: float) -> None:
    assert CostModel(2).observe(shape, width, measured_s).seconds(shape, width) > 0.0


@given(SHAPES, SHAPES, WIDTHS)
def test_more_in_a_batch_never_costs_less(a: BatchShape, b: BatchShape, width: Width) -> None:
    cost = CostModel(4)
    joined_s = cost.seconds(a.joined(b), width)
    assert joined_s >= max(cost.seconds(a, width), cost.seconds(b, width))
    assert a.joined(b) == b.joined(a)

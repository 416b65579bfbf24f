"""Virtual time: turns are given out equally, whoever asks for how much."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.scheduling.shares import FairShares

REQUESTS = st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.01, 5.0)), min_size=1)


def test_one_share_lines_up_behind_itself() -> None:
    shares = FairShares()
    assert [shares.enter("a", 2.0) for _job in range(3)] == [0.0, 2.0, 4.0]


def test_a_newcomer_begins_at_the_present_and_not_behind_a_queue() -> None:
    shares = FairShares()
    for _job in range(100):
        shares.enter("a", 1.0)
    shares.serve(3.0)
    assert shares.enter("b", 1.0) == 3.0


def test_time_passes_more_slowly_the_more_shares_have_work() -> None:
    shares = FairShares()
    for share in "abc":
        shares.enter(share, 10.0)
    shares.serve(6.0)
    assert shares.now_s == pytest.approx(2.0)


def test_a_share_that_has_got_its_work_no_longer_slows_time() -> None:
    shares = FairShares()
    shares.enter("a", 1.0)
    shares.enter("b", 10.0)
    shares.serve(2.0 + 3.0)
    assert shares.now_s == pytest.approx(1.0 + 3.0)


def test_work_taken_back_is_not_charged() -> None:
    shares = FairShares()
    shares.enter("a", 2.0)
    shares.enter("a", 5.0)
    shares.withdraw("a", 5.0)
    assert shares.enter("a", 1.0) == 2.0


def test_rest_forgets_what_was_asked_for() -> None:
    shares = FairShares()
    shares.enter("a", 50.0)
    shares.rest()
    assert shares.enter("a", 1.0) == shares.now_s == 0.0


def test_taking_back_from_a_share_that_was_served_changes_nothing() -> None:
    shares = FairShares()
    shares.withdraw("nobody", 1.0)
    assert shares.now_s == 0.0


@given(REQUESTS)
def test_when_all_work_is_done_nobody_has_to_wait_for_its_turn(
    requests: Sequence[tuple[str, float]],
) -> None:
    shares = FairShares()
    for share, work_s in requests:
        shares.enter(share, work_s)
    for _share, work_s in requests:
        shares.serve(work_s)
    assert shares.enter("a", 1.0) == pytest.approx(shares.now_s, abs=1e-6)


@given(REQUESTS, st.lists(st.floats(0.0, 5.0)))
def test_time_never_goes_back_and_turns_are_never_in_the_past(
    requests: Sequence[tuple[str, float]], served: Sequence[float]
) -> None:
    shares = FairShares()
    for (share, work_s), served_s in zip(requests, served, strict=False):
        before_s = shares.now_s
        assert shares.enter(share, work_s) >= before_s
        shares.serve(served_s)
        assert shares.now_s >= before_s

"""Copies on a cluster look like one model."""

import pytest
from pydantic import ValidationError

from loquent.engines.ray.statuses import CopyStatus, as_due_order, as_scheduler, wait_s
from loquent.ports import Lane

FIRST = CopyStatus(2, 1, {"short": 2, "long": 1}, 1.0, n_done=3, n_utterances=7, n_repairs=1)
SECOND = CopyStatus(1, 0, {"long": 4}, 3.0, n_done=1, n_utterances=2)


def test_copies_that_listen_look_like_one() -> None:
    status = as_scheduler([FIRST, SECOND])
    assert status.n_workers == 3
    assert status.n_waiting[Lane.LONG] == 5
    assert status.n_waiting[Lane.SHORT] == 2
    assert status.n_waiting[Lane.LIVE_FINAL] == 0
    assert (status.n_batches, status.n_utterances, status.n_repairs) == (4, 9, 1)
    assert status.estimated_wait_s == 2.0


def test_copies_of_another_trade_look_like_one() -> None:
    status = as_due_order([FIRST, SECOND])
    assert (status.n_workers, status.n_running, status.n_waiting, status.n_done) == (3, 1, 7, 4)


def test_no_copies_are_no_reason_to_fail() -> None:
    assert wait_s([]) == 0.0
    assert as_scheduler([]).n_workers == 0
    assert as_due_order([]).n_workers == 0


def test_a_status_survives_the_way_as_text() -> None:
    assert CopyStatus.from_json(FIRST.to_json()) == FIRST


@pytest.mark.parametrize("text", ['{"n_workers": 0}', '{"estimated_wait_s": NaN}', "[]", ""])
def test_what_is_not_a_status_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        CopyStatus.from_json(text)

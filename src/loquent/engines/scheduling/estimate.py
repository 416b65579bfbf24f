"""How long somebody who comes now would wait; pure arithmetic over what waits and runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from loquent.engines.batch import Width
from loquent.engines.scheduling.cost import BatchShape, CostModel
from loquent.engines.scheduling.policy import RULES, Job
from loquent.realtime.context import MAX_HEARD_S

LIVE_STRETCH_S = 6.0
"""How long people talk, typically, before they pause."""

MAX_LIVE_LOAD = 0.7
"""The share of the machine that the finals of live streams may take: the rest keeps them quick."""


def estimate_wait_s(
    ahead: Sequence[Job], busy_s: Sequence[float], cost: CostModel, *, max_batch: int
) -> float:
    """Return the seconds until a worker is free for a newcomer.

    Args:
        ahead: the jobs that are due before the newcomer.
        busy_s: for each busy worker, how long it still is; a wide batch keeps all of them busy.
    """
    if ahead:
        return (sum(busy_s) + _batched_s(ahead, cost, max_batch)) / cost.n_workers
    return min(busy_s) if len(busy_s) >= cost.n_workers else 0.0


def n_live_streams(cost: CostModel, context_s: Callable[[float], float]) -> int:
    """Return how many streams of speech can be recognised as fast as they are spoken, at least 1.

    What was said before a stretch is heard again with it, and costs as if it were new.

    Args:
        context_s: from speech to the context it is heard in, in seconds.
    """
    shape = BatchShape.of(MAX_HEARD_S, context_s(MAX_HEARD_S))
    width = Width.WIDE if cost.n_workers == 1 else Width.NARROW
    per_stream = cost.seconds(shape, width) / LIVE_STRETCH_S
    return max(1, int(cost.n_workers * MAX_LIVE_LOAD / per_stream))


def _batched_s(jobs: Sequence[Job], cost: CostModel, max_batch: int) -> float:
    """Return the work in `jobs` for one worker, if they are served in batches of their average."""
    width = Width.WIDE if cost.n_workers == 1 else Width.NARROW
    total = reduce(BatchShape.joined, (job.shape for job in jobs))
    n_jobs = len(jobs)
    mean = BatchShape(
        1,
        sum(job.shape.context_s for job in jobs) / n_jobs,
        total.speech_s / n_jobs,
        total.speech_s / n_jobs,
    )
    batch = mean
    max_batch_s = max(RULES[job.lane].max_batch_s for job in jobs)
    while batch.n_utterances < min(max_batch, -(-n_jobs // cost.n_workers)):
        joined = batch.joined(mean)
        if cost.seconds(joined, width) > max_batch_s:
            break
        batch = joined
    return n_jobs * cost.seconds(batch, width) / batch.n_utterances

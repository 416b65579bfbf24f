"""What queueing theory says of the simplest pool, to hold the simulator against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.scale_day import Calls, Requests
from bench.scale_growth import Policy
from bench.scale_queueing import Choice, Served, Setup, serve

N_REQUESTS = 300_000
TOLERANCE = 0.1
"""How far a simulated mean may be off theory: what chance does to a few hours of a queue."""

N_WARM = N_REQUESTS // 10
"""Requests that find an empty pool at first are left out."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Poisson arrivals, exponential work of 1 s, `n_servers`, one queue: M/M/c.

    Attributes:
        busy: the share of the servers' time that is asked for.
    """

    n_servers: int
    busy: float

    @property
    def waits(self) -> float:
        """The share that waits: Erlang C."""
        blocked = erlang_b(self.n_servers, self.n_servers * self.busy)
        return blocked / (1 - self.busy * (1 - blocked))

    @property
    def mean_wait_s(self) -> float:
        """The mean wait of all."""
        return self.waits / (self.n_servers * (1 - self.busy))


QUEUES = (Queue(1, 0.7), Queue(10, 0.8), Queue(20, 0.8))


def erlang_b(n_servers: int, load: float) -> float:
    """Return the share that is refused where nobody may wait, whatever lengths are like."""
    blocked = 1.0
    for n in range(1, n_servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def simulated(queue: Queue, seed: int, n_requests: int = N_REQUESTS) -> Served:
    """Send such requests through the simulator of recordings."""
    random = np.random.default_rng(seed)
    rate = queue.n_servers * queue.busy
    at_s = np.cumsum(random.exponential(1 / rate, n_requests))
    work_s = random.exponential(1.0, n_requests)
    asked = Requests(at_s, work_s, work_s, np.ones(n_requests, np.int64))
    policy = Policy(queue.n_servers, queue.n_servers)
    return serve(asked, Setup(policy, 1, Choice.SHARED, refuse_s=math.inf))


def steady_calls(seed: int, load: float, mean_s: float, length_s: float) -> Calls:
    """Return live sessions that come at the same rate all the time, `load` of them at once."""
    random = np.random.default_rng(seed)
    n_calls = int(length_s * load / mean_s)
    at_s = np.sort(random.uniform(0, length_s, n_calls))
    return Calls(at_s, random.exponential(mean_s, n_calls))

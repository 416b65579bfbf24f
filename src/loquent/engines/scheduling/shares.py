"""The time in which everybody is served equally; knows no clock, no lane and no batch."""

from __future__ import annotations


class FairShares:
    """Virtual time: how much work each share would have got by now, were all served at once.

    Virtual time stands still while nobody is served, and advances by a second when every share with
    work left has been given a second of work. Who enters late begins at the present; who asks for
    much lines up behind itself. Under any load the time of a share that is served as much as all
    others runs level with virtual time, so that being behind means to have been passed over.

    Source: weighted fair queueing, Demers, Keshav and Shenker 1989, with equal weights.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._ends_s: dict[str, float] = {}

    @property
    def now_s(self) -> float:
        return self._now_s

    def enter(self, share: str, work_s: float) -> float:
        """Line up one more piece of work of a share; return when its turn is."""
        start_s = max(self._now_s, self._ends_s.get(share, self._now_s))
        self._ends_s[share] = start_s + work_s
        return start_s

    def withdraw(self, share: str, work_s: float) -> None:
        """Take back work that will not be done."""
        if share in self._ends_s:
            self._ends_s[share] -= work_s
            self._forget_served()

    def serve(self, work_s: float) -> None:
        """Give out that much work: in virtual time, equally to all shares that want some."""
        while self._ends_s:
            end_s = min(self._ends_s.values())
            needed_s = (end_s - self._now_s) * len(self._ends_s)
            if work_s < needed_s:
                self._now_s += work_s / len(self._ends_s)
                return
            self._now_s = end_s
            work_s -= needed_s
            self._forget_served()

    def rest(self) -> None:
        """Forget what was asked for: no work is left."""
        self._ends_s.clear()

    def _forget_served(self) -> None:
        self._ends_s = {
            share: end_s for share, end_s in self._ends_s.items() if end_s > self._now_s
        }

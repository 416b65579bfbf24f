"""Who sits where among what one process works on, counted exactly; knows no other process."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from loquent.domain.limits import Seat, SeatKind


@dataclass(frozen=True, slots=True)
class TakenSeat:
    """A seat, and who holds it."""

    account_id: str
    kind: SeatKind
    holder: str


class SeatBook:
    """Keeps holders by account and kind; one who holds a seat already is not counted twice."""

    def __init__(self) -> None:
        self._holders: defaultdict[tuple[str, SeatKind], set[str]] = defaultdict(set)

    def enter(self, holder: str, seats: Sequence[Seat]) -> Seat | None:
        """Take every seat, or none; return the first that is not to be had, if any."""
        for seat in seats:
            others = self._holders.get((seat.account_id, seat.kind), set()) - {holder}
            if len(others) >= seat.limit:
                return seat
        for seat in seats:
            self._holders[seat.account_id, seat.kind].add(holder)
        return None

    def leave(self, holder: str, seats: Sequence[Seat]) -> None:
        """Give up seats; those that are not held do not matter."""
        for seat in seats:
            place = seat.account_id, seat.kind
            self._holders[place].discard(holder)
            if not self._holders[place]:
                del self._holders[place]

    def taken(self) -> frozenset[TakenSeat]:
        """Return every seat that is held now."""
        return frozenset(
            TakenSeat(account_id, kind, holder)
            for (account_id, kind), holders in self._holders.items()
            for holder in holders
        )

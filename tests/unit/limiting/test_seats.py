"""What every limiter promises about what goes on at the same time."""

from __future__ import annotations

import asyncio

from loquent.domain.limits import SeatKind
from tests.unit.limiting.places import Place, seat


async def test_as_many_enter_as_there_are_seats(place: Place) -> None:
    one = seat(limit=2)

    entered = [await place.limiter.enter(holder, [one]) for holder in ("r1", "r2", "r3")]

    assert entered == [None, None, one]


async def test_a_crowd_gets_no_more_seats_than_there_are(place: Place) -> None:
    one = seat(limit=5)

    crowd = await asyncio.gather(*(place.limiter.enter(f"r{n}", [one]) for n in range(30)))

    assert crowd.count(None) == 5


async def test_a_seat_that_is_left_is_for_the_next(place: Place) -> None:
    one = seat(limit=1)
    await place.limiter.enter("r1", [one])
    await place.limiter.leave("r1", [one])

    assert await place.limiter.enter("r2", [one]) is None
    assert await place.limiter.enter("r3", [one]) == one


async def test_every_seat_is_taken_or_none(place: Place) -> None:
    key, project, organisation = seat("key_a"), seat("proj_p", limit=1), seat("org_o")
    await place.limiter.enter("r1", [project])

    assert await place.limiter.enter("r2", [key, project, organisation]) == project

    for free in (key, organisation):
        assert await place.limiter.enter("r3", [free]) is None
        assert await place.limiter.enter("r4", [free]) is None


async def test_kinds_and_accounts_have_seats_of_their_own(place: Place) -> None:
    await place.limiter.enter("r1", [seat(limit=1)])

    assert await place.limiter.enter("r2", [seat(limit=1, kind=SeatKind.SESSIONS)]) is None
    assert await place.limiter.enter("r3", [seat("key_b", limit=1)]) is None


async def test_who_sits_already_takes_no_second_seat(place: Place) -> None:
    await place.limiter.enter("r1", [seat(limit=1)])

    assert await place.limiter.enter("r1", [seat(limit=1)]) is None
    assert await place.limiter.enter("r2", [seat(limit=2)]) is None


async def test_leaving_a_seat_that_is_not_held_does_not_matter(place: Place) -> None:
    one = seat(limit=1)
    await place.limiter.enter("r1", [one])
    await place.limiter.leave("r2", [one, seat("key_b")])

    assert await place.limiter.enter("r3", [one]) == one


async def test_no_seat_is_always_free(place: Place) -> None:
    assert await place.limiter.enter("r1", []) is None
    await place.limiter.leave("r1", [])


async def test_there_is_no_seat_where_the_limit_is_nothing(place: Place) -> None:
    assert await place.limiter.enter("r1", [seat(limit=0)]) == seat(limit=0)

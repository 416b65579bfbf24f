"""Where calls go as a cluster comes and goes."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.ray.presence import News, Place, Presence, following, place_of


def test_a_cluster_that_comes_and_goes() -> None:
    presence = Presence.AWAY
    for news, expected in [
        (News.ANSWERED, Presence.COMING),
        (News.FAILED, Presence.AWAY),
        (News.ANSWERED, Presence.COMING),
        (News.DEPLOYED, Presence.THERE),
        (News.LOST, Presence.AWAY),
        (News.ANSWERED, Presence.COMING),
        (News.LOST, Presence.AWAY),
        (News.ANSWERED, Presence.COMING),
        (News.DEPLOYED, Presence.THERE),
        (News.FORGOTTEN, Presence.AWAY),
    ]:
        presence = following(presence, news)
        assert presence is expected


@pytest.mark.parametrize(
    ("presence", "late"),
    [
        (Presence.AWAY, News.DEPLOYED),
        (Presence.AWAY, News.FAILED),
        (Presence.AWAY, News.LOST),
        (Presence.THERE, News.ANSWERED),
        (Presence.THERE, News.FAILED),
        (Presence.COMING, News.FORGOTTEN),
    ],
)
def test_news_that_come_late_change_nothing(presence: Presence, late: News) -> None:
    assert following(presence, late) is presence


@given(st.lists(st.sampled_from(News)))
def test_nobody_is_sent_to_a_cluster_but_after_it_has_deployed(stream: list[News]) -> None:
    presence = Presence.AWAY
    for news in stream:
        before, presence = presence, following(presence, news)
        if presence is Presence.THERE and before is not Presence.THERE:
            assert news is News.DEPLOYED
        if news is News.LOST:
            assert presence is Presence.AWAY


def test_every_call_has_a_place() -> None:
    places = {
        (presence, has): place_of(presence, has_stand_in=has)
        for presence, has in product(Presence, (True, False))
    }
    assert places == {
        (Presence.THERE, True): Place.CLUSTER,
        (Presence.THERE, False): Place.CLUSTER,
        (Presence.COMING, True): Place.HERE,
        (Presence.COMING, False): Place.NOBODY,
        (Presence.AWAY, True): Place.HERE,
        (Presence.AWAY, False): Place.NOBODY,
    }

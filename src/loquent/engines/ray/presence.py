"""Where the calls of a model go, as its cluster comes and goes; asks and waits for nobody."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


class Presence(Enum):
    """How far a model is on its cluster."""

    AWAY = auto()
    """The cluster cannot be reached, or does not run the model."""
    COMING = auto()
    """The cluster answers, and is starting the model."""
    THERE = auto()
    """A copy can be called."""


class News(Enum):
    """What becomes known of a cluster."""

    ANSWERED = auto()
    """It can be reached."""
    DEPLOYED = auto()
    """It runs the model."""
    FAILED = auto()
    """It cannot run the model."""
    LOST = auto()
    """It cannot be reached any more."""
    FORGOTTEN = auto()
    """It can be reached, and does not run the model any more."""


class Place(Enum):
    """Who serves a call."""

    CLUSTER = auto()
    HERE = auto()
    NOBODY = auto()


_FOLLOWING: Final[Mapping[tuple[Presence, News], Presence]] = {
    (Presence.AWAY, News.ANSWERED): Presence.COMING,
    (Presence.COMING, News.DEPLOYED): Presence.THERE,
    (Presence.COMING, News.FAILED): Presence.AWAY,
    (Presence.COMING, News.LOST): Presence.AWAY,
    (Presence.THERE, News.LOST): Presence.AWAY,
    (Presence.THERE, News.FORGOTTEN): Presence.AWAY,
}


def following(presence: Presence, news: News) -> Presence:
    """Return how far a model is after `news`; what comes late changes nothing."""
    return _FOLLOWING.get((presence, news), presence)


def place_of(presence: Presence, *, has_stand_in: bool) -> Place:
    """Return who serves a call that comes now."""
    if presence is Presence.THERE:
        return Place.CLUSTER
    return Place.HERE if has_stand_in else Place.NOBODY

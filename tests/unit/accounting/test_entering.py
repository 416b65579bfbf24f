"""Which key opens which deployment, and which one what all share."""

from __future__ import annotations

import pytest

from loquent.accounting.entering import entered, may_enter
from loquent.domain.accounts import OPERATOR, Account, Bounds, Caller, Reach
from loquent.domain.deployments import Deployment
from loquent.domain.errors import PermissionDeniedError
from loquent.domain.rates import RateLimits
from tests.unit.accounting.offices import NOW

SHARED = None
OWN = Deployment("own", ("m",), NOW, "proj_a")
FOREIGN = Deployment("foreign", ("m",), NOW, "proj_b")
COMMON = Deployment("common", ("m",), NOW)
PLACES = {"shared": SHARED, "own": OWN, "foreign": FOREIGN, "common": COMMON}


def bound(*ids: str, reach: Reach = Reach.PROJECT) -> Caller:
    bounds = Bounds(deployments=frozenset(ids))
    return Caller("key", "proj_a", "org_a", reach=reach, bounds=bounds)


def free(reach: Reach) -> Caller:
    return Caller("key", "proj_a", "org_a", reach=reach)


@pytest.mark.parametrize(
    ("caller", "opened"),
    [
        (free(Reach.PROJECT), {"shared", "own", "common"}),
        (free(Reach.ORGANISATION), {"shared", "own", "common"}),
        (free(Reach.SERVER), {"shared", "own", "foreign", "common"}),
        (OPERATOR, {"shared", "own", "foreign", "common"}),
        (Caller(reach=Reach.SERVER), {"shared", "own", "foreign", "common"}),
        (bound("own"), {"own"}),
        (bound("common"), {"common"}),
        (bound("own", "common"), {"own", "common"}),
        (bound("foreign"), set()),
        (bound("nowhere"), set()),
        (bound(), set()),
        (bound("foreign", reach=Reach.SERVER), {"foreign"}),
        (bound(reach=Reach.SERVER), set()),
        (Caller(), {"shared", "common"}),
    ],
)
def test_a_key_opens_what_it_is_for_and_nothing_else(caller: Caller, opened: set[str]) -> None:
    found = set()
    for name, place in PLACES.items():
        try:
            may_enter(caller, place)
        except PermissionDeniedError:
            continue
        found.add(name)
    assert found == opened


@pytest.mark.parametrize("place", [SHARED, COMMON])
def test_a_key_that_knocks_at_the_wrong_door_is_told_the_right_ones(
    place: Deployment | None,
) -> None:
    with pytest.raises(PermissionDeniedError, match="opens the deployments b, c and nothing else"):
        may_enter(bound("c", "b"), place)
    with pytest.raises(PermissionDeniedError, match="Ask at /deployments/own/v1"):
        may_enter(bound("own"), place)
    with pytest.raises(PermissionDeniedError, match="opens nothing"):
        may_enter(bound(), place)


def test_a_key_of_another_project_learns_nothing_of_whose_it_is() -> None:
    with pytest.raises(PermissionDeniedError) as refused:
        may_enter(free(Reach.PROJECT), FOREIGN)
    assert "proj_b" not in refused.value.message


def test_limits_of_a_deployment_count_for_whoever_enters() -> None:
    limits = RateLimits(requests_per_minute=5)
    key = Account("key", RateLimits(requests_per_minute=9))
    caller = Caller("key", "proj_a", accounts=(key,))
    limited = Deployment("own", ("m",), NOW, "proj_a", limits=limits)
    after = entered(caller, limited)
    assert after.accounts == (key, Account("deployment:own", limits))
    assert (after.key_id, after.project_id) == ("key", "proj_a")


def test_without_limits_nothing_more_counts() -> None:
    caller = free(Reach.PROJECT)
    assert entered(caller, OWN) is caller

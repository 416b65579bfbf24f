"""A few endpoints, and planners over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from loquent.domain.endpoints import DataProtection, Detail, Endpoint
from loquent.domain.model import Capability
from loquent.domain.pricing import Price, PriceUnit
from loquent.routing.board import EndpointBoard
from loquent.routing.book import EndpointBook
from loquent.routing.local import LocalTerms, local_endpoints
from loquent.routing.names import ModelNames
from loquent.routing.planner import Planner
from loquent.routing.ranking import Policy
from tests.unit.routing.models import names

TODAY = date(2026, 11, 1)

ALL_DETAILS = frozenset(Detail)


def per_hour(micros: int) -> tuple[Price, ...]:
    return (Price(PriceUnit.HOUR, micros),)


def place(
    provider: str,
    model: str = "large",
    *capabilities: Capability,
    details: frozenset[Detail] = ALL_DETAILS,
    prices: tuple[Price, ...] = (),
    eu_native: bool = False,
    is_quantized: bool | None = False,
    gdpr: DataProtection = DataProtection.YES,
    stated_speed: float = 0.0,
    max_file_bytes: int = 0,
    file_types: frozenset[str] = frozenset(),
    languages: tuple[str, ...] = (),
    extensions: frozenset[str] = frozenset(),
) -> Endpoint:
    """Return an endpoint that does everything, but for what is given."""
    return Endpoint(
        provider=provider,
        model=model,
        upstream_model=f"{model}-upstream",
        capabilities=frozenset(capabilities or Capability),
        details=details,
        prices=prices,
        eu_native=eu_native,
        is_quantized=is_quantized,
        gdpr=gdpr,
        stated_speed=stated_speed,
        max_file_bytes=max_file_bytes,
        file_types=file_types,
        languages=languages,
        extensions=extensions,
    )


def book(
    installed: ModelNames | Callable[[], ModelNames] | None = None,
    *remote: Endpoint,
    pools: Mapping[str, tuple[str, ...]] | None = None,
    terms: LocalTerms | None = None,
) -> EndpointBook:
    """Return a book of what is installed, and of endpoints elsewhere."""
    found = installed or names()
    return EndpointBook(
        names=found if callable(found) else lambda: found,
        local=lambda card: local_endpoints(card, terms or LocalTerms(), "int8"),
        remote={endpoint.id: endpoint for endpoint in remote},
        pools=pools or {},
    )


def planner(
    installed: ModelNames | Callable[[], ModelNames] | None = None,
    *remote: Endpoint,
    board: EndpointBoard | None = None,
    policy: Policy | None = None,
    pools: Mapping[str, tuple[str, ...]] | None = None,
) -> Planner:
    """Return who chooses among what is installed and endpoints elsewhere."""
    return Planner(
        book(installed, *remote, pools=pools),
        board or EndpointBoard(),
        policy or Policy(),
        today=lambda: TODAY,
    )

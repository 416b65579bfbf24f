"""Answer what everything costs; knows no price itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query

from loquent.api.dialects import DIALECTS
from loquent.api.openapi import error_answers
from loquent.api.route_schemas import PriceLine, PriceList
from loquent.domain.errors import AuthenticationError, InvalidRequestError
from loquent.routing.planner import Planner
from loquent.routing.price_list import Feature, PriceQuery, PriceRow, price_list

PRICING_PATH = "/pricing"


def add_pricing_routes(app: FastAPI, planner: Planner, currency: str) -> None:
    """Add the price list, under every prefix."""

    async def list_prices(
        feature: Annotated[Feature | None, Query(description="only this one")] = None,
        model: Annotated[str | None, Query(description="id of a model")] = None,
        provider: Annotated[str | None, Query(description="id of a provider")] = None,
    ) -> PriceList:
        """List what endpoints charge, by feature."""
        return listed_prices(planner, PriceQuery(feature, model, provider), currency)

    for prefix, dialect in DIALECTS.items():
        app.add_api_route(
            prefix + PRICING_PATH,
            list_prices,
            methods=["GET"],
            responses=error_answers(
                (InvalidRequestError, AuthenticationError), dialect.error_style
            ),
        )


def listed_prices(planner: Planner, wanted: PriceQuery, currency: str) -> PriceList:
    """Return what endpoints charge today."""
    rows = price_list(planner.book.everything(), planner.today(), wanted)
    return PriceList(currency=currency, data=[_line(row) for row in rows])


def _line(row: PriceRow) -> PriceLine:
    return PriceLine(
        feature=row.feature,
        model=row.model,
        endpoint=row.endpoint,
        provider=row.provider,
        unit=row.unit,
        price=row.price,
        standard_price=row.standard_price,
        billed_in_steps_of_seconds=row.step_s,
        minimum_seconds=row.minimum_s,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        checked_on=row.checked_on or None,
        region=row.region or None,
        eu_native=row.eu_native,
    )

"""The API's own description holds: a few hundred generated requests, none answered otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from loquent.api.app import ApiOptions, create_app
from tests.fakes.services import fake_services
from tests.wire.conftest import KEY

APP = create_app(fake_services(), ApiOptions(api_key=KEY))
SCHEMA = schemathesis.openapi.from_asgi(
    "/openapi.json", APP, headers={"Authorization": f"Bearer {KEY}"}
)


@SCHEMA.parametrize()
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_keeps_its_description(case: schemathesis.Case[Any]) -> None:
    # A schema cannot say all of a form: `1` is a boolean, and granularities need verbose_json.
    excluded: list[Callable[..., bool | None]] = [
        negative_data_rejection,
        positive_data_acceptance,
    ]
    case.call_and_validate(
        headers={"Authorization": f"Bearer {KEY}"},
        excluded_checks=excluded if case.method == "POST" else None,
    )

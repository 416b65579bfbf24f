"""Hand each request to the application of the deployment it asks for; knows what none of them does.

What is put into the scope as `loquent.deployment` is the id of that deployment, "" for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from loquent.api.places import DEPLOYMENT_HEADER, SUBDOMAIN, Place, place_of
from loquent.api.refusing import refuse_with
from loquent.domain.errors import DeploymentNotFoundError, LoquentError, MisdirectedRequestError
from loquent.ports import ActivityBoard, LiveBoard


class Applications(Protocol):
    """The deployments that are served here."""

    def application(self, deployment_id: str) -> ASGIApp | None:
        """Return who answers for a deployment; None if there is none of this id."""
        ...

    def boards(self) -> Iterable[tuple[str, ActivityBoard, LiveBoard]]:
        """Yield what each deployment does, by its id."""
        ...


class _NoApplications:
    def application(self, deployment_id: str) -> ASGIApp | None:
        del deployment_id
        return None

    def boards(self) -> Iterable[tuple[str, ActivityBoard, LiveBoard]]:
        return ()


NO_APPLICATIONS: Final[Applications] = _NoApplications()


class Dispatch:
    """Stands where nothing of a request but its head has been looked at.

    Args:
        domain: under which deployments have host names.
    """

    def __init__(self, app: ASGIApp, applications: Applications, domain: str) -> None:
        self._shared = app
        self._applications = applications
        self._domain = domain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._shared(scope, receive, send)
            return
        try:
            place = place_of(scope["path"], scope["headers"], self._domain)
            app = self._shared if place.deployment_id is None else self._application(place)
        except LoquentError as error:
            await refuse_with(error, scope, receive, send)
            return
        if place.deployment_id is not None:
            _enter(scope, place)
        await app(scope, receive, send)

    def _application(self, place: Place) -> ASGIApp:
        """Raises: MisdirectedRequestError, DeploymentNotFoundError."""
        app = self._applications.application(place.deployment_id or "")
        if app is not None:
            return app
        if place.is_by_host:
            raise MisdirectedRequestError(
                "There is no deployment of this host name here. What all share is at every host"
                f" name that does not end in .{SUBDOMAIN}.{self._domain}."
            )
        raise DeploymentNotFoundError(
            "There is no deployment of this id here. `loquent deployments ls` shows all there are."
        )


def _enter(scope: Scope, place: Place) -> None:
    # In place: whoever is further out reads the matched route and the deployment from it.
    scope["path"] = place.path
    scope["raw_path"] = quote(place.path).encode()
    scope["loquent.deployment"] = place.deployment_id
    scope["loquent.headers"][DEPLOYMENT_HEADER] = place.deployment_id

"""A board of deployments that a test writes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from loquent.domain.deployments import DeploymentEvent, DeploymentStatus


class FakeDeployments:
    """Tells what it was told.

    Attributes:
        statuses: by id; several are told one after the other, the last one for ever.
        happened: events by id, the oldest first.
        failure: raised after the last event, where it is set.
        n_open: readings of events that somebody holds open.
    """

    def __init__(self) -> None:
        self.statuses: dict[str, list[DeploymentStatus]] = {}
        self.happened: dict[str, list[DeploymentEvent]] = {}
        self.failure: Exception | None = None
        self.n_open = 0

    def status(self, deployment_id: str) -> DeploymentStatus | None:
        told = self.statuses.get(deployment_id) or self.statuses.get("*")
        if not told:
            return None
        return told.pop(0) if len(told) > 1 else told[0]

    async def events(
        self, deployment_id: str, *, after: int = 0, follows: bool = False
    ) -> AsyncGenerator[DeploymentEvent]:
        self.n_open += 1
        try:
            for event in self.happened.get(deployment_id, ()):
                if event.number > after:
                    yield event
            if self.failure and follows:
                raise self.failure
        finally:
            self.n_open -= 1

"""What is known of deployments on this server, for those who watch them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from loquent.domain.deployments import DeploymentEvent, DeploymentStatus


class DeploymentBoard(Protocol):
    """Tells what deployments do here; several servers may each run the same ones."""

    def status(self, deployment_id: str) -> DeploymentStatus | None:
        """Return what a deployment does now, None if it is not known here (yet)."""
        ...

    def events(
        self, deployment_id: str, *, after: int = 0, follows: bool = False
    ) -> AsyncGenerator[DeploymentEvent]:
        """Yield what happened, the oldest first; a server remembers the last few hundred.

        Args:
            after: only events of higher numbers.
            follows: go on with what happens from now on, until the deployment ends.
        """
        ...

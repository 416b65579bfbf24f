"""From deployments to the answers about them; decides nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from loquent.accounting.deployment_wishes import context_of
from loquent.accounting.terms import LIMIT_NAMES, instant
from loquent.api.admin.deployment_schemas import (
    DeploymentAnswer,
    DeploymentEngine,
    DeploymentEventAnswer,
    DeploymentQueue,
    DeploymentReplicas,
    DeploymentStanding,
)
from loquent.api.admin.schemas import AccountLimits
from loquent.api.schemas import LoadedModel
from loquent.domain.deployments import (
    Deployment,
    DeploymentEvent,
    DeploymentState,
    DeploymentStatus,
    EngineChoice,
)
from loquent.ports import DeploymentBoard

_UNSEEN = DeploymentStatus(DeploymentState.STARTING, "This server is about to start it.")


@dataclass(frozen=True, slots=True)
class DeploymentTeller:
    """Words answers.

    Attributes:
        board: knows what deployments do; None where none are run.
        public_url: where this server is asked; empty where nobody says so.
        domain: below which deployments have their host names.
    """

    board: DeploymentBoard | None
    public_url: str
    domain: str

    def deployment(self, deployment: Deployment) -> DeploymentAnswer:
        """Return the answer about a deployment."""
        closed_at, limits = deployment.closed_at, deployment.limits
        return DeploymentAnswer(
            id=deployment.id,
            models=list(deployment.models),
            project_id=deployment.project_id,
            engine=_engine(deployment.engine),
            replicas=DeploymentReplicas(
                min=deployment.replicas.least, max=deployment.replicas.most
            ),
            queue=DeploymentQueue(**asdict(deployment.queue)),
            idle_unload_s=deployment.idle_unload_s,
            limits=AccountLimits(**{name: getattr(limits, name) for name in LIMIT_NAMES}),
            region=deployment.region,
            base_url=f"{self.public_url.rstrip('/')}/deployments/{deployment.id}/v1",
            host=f"{deployment.id}.deployments.{self.domain}",
            status=self._standing(deployment),
            created_at=instant(deployment.created_at),
            closed_at=instant(closed_at) if closed_at else None,
        )

    def _standing(self, deployment: Deployment) -> DeploymentStanding | None:
        if self.board is None:
            return None
        status = self.board.status(deployment.id)
        if status is None and deployment.closed_at:
            return None
        found = status or _UNSEEN
        return DeploymentStanding(
            state=found.state,
            message=found.message,
            replicas=dict(found.n_replicas),
            models=[LoadedModel(**asdict(activity)) for activity in found.models],
        )


def event_answer(event: DeploymentEvent) -> DeploymentEventAnswer:
    """Return the answer about an event."""
    return DeploymentEventAnswer(
        number=event.number, at=instant(event.at), level=event.level, message=event.message
    )


def _engine(engine: EngineChoice) -> DeploymentEngine:
    fields: dict[str, Any] = asdict(engine)
    exact = fields.pop("exact")
    context = None if exact is None else context_of(is_exact=exact)
    return DeploymentEngine(**fields, context=context)

"""Who may ask a deployment, and who what all share; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from loquent.domain.accounts import Account, Caller, Reach
from loquent.domain.deployments import Deployment
from loquent.domain.errors import PermissionDeniedError
from loquent.domain.rates import NO_LIMITS


def may_enter(caller: Caller, deployment: Deployment | None) -> None:
    """Refuse whoever has no business here.

    Args:
        deployment: None for what all share.

    Raises: PermissionDeniedError: saying where the key may go, and nothing of the place itself.
    """
    bound = caller.bounds.deployments
    if bound is not None and (deployment is None or deployment.id not in bound):
        raise PermissionDeniedError(_directions(bound))
    if deployment is None or deployment.project_id is None or caller.reach is Reach.SERVER:
        return
    if caller.project_id != deployment.project_id:
        raise PermissionDeniedError(
            "This deployment serves keys of its own project alone, and yours is of another one."
        )


def entered(caller: Caller, deployment: Deployment) -> Caller:
    """Return the caller, who also counts against what all callers of a deployment may ask."""
    if deployment.limits == NO_LIMITS:
        return caller
    account = Account(f"deployment:{deployment.id}", deployment.limits)
    return replace(caller, accounts=(*caller.accounts, account))


def _directions(bound: Iterable[str]) -> str:
    ids = sorted(bound)
    if not ids:
        return (
            "This key opens nothing: it is bound to deployments that the key it comes from, or its"
            " project, does not have. Have another one made."
        )
    kind = "deployment" if len(ids) == 1 else "deployments"
    return (
        f"This key opens the {kind} {', '.join(ids)} and nothing else. Ask at"
        f" /deployments/{ids[0]}/v1, or with the header X-Loquent-Deployment: {ids[0]}."
    )

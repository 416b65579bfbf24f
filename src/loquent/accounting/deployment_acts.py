"""What may be done to deployments; keeps nothing, and runs none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from loquent.accounting.deployment_wishes import (
    DeploymentWish,
    checked_wish,
    fields_of,
    wish_of,
)
from loquent.accounting.desk import Act, Desk
from loquent.accounting.keys import new_letters
from loquent.accounting.terms import in_words, told
from loquent.domain.accounts import AccountBook, AccountChange, Reach
from loquent.domain.deployments import Deployment
from loquent.domain.errors import (
    AlreadyExistsError,
    InvalidRequestError,
    PermissionDeniedError,
)

MAX_OPEN: Final = 100

_N_LETTERS: Final = 12

DeploymentEdit = Callable[[DeploymentWish], DeploymentWish]


def created_deployment(desk: Desk, wish: DeploymentWish) -> Act[Deployment]:
    """Make a deployment.

    Raises: NotFoundError, PermissionDeniedError, AlreadyExistsError, InvalidRequestError.
    """
    wish = checked_wish(wish)
    made = _deployment(wish, _new_id(desk, wish.id), _home_id(desk, wish), desk.now)
    _ensure_in_bounds(desk, made.id)
    _ensure_models(desk, wish.models)
    _ensure_room(desk.book)
    details = told(fields_of(DeploymentWish(())), fields_of(wish_of(made)))
    return Act(made, AccountChange(deployments=(made,)), "deployment.create", made.id, details)


def changed_deployment(desk: Desk, deployment_id: str, edit: DeploymentEdit) -> Act[Deployment]:
    """Change a deployment.

    Raises: DeploymentNotFoundError, PermissionDeniedError, InvalidRequestError.
    """
    before = desk.deployment(deployment_id)
    if before.closed_at:
        raise InvalidRequestError(
            f"{before.id} has ended, and stays as it is. Make another one.",
            param="deployment_id",
        )
    wish = checked_wish(edit(wish_of(before)))
    _ensure_models(desk, tuple(name for name in wish.models if name not in before.models))
    after = _deployment(wish, before.id, before.project_id, before.created_at)
    details = told(fields_of(wish_of(before)), fields_of(wish_of(after)))
    change = AccountChange(deployments=(after,)) if details else None
    return Act(after, change, "deployment.change", after.id, details)


def closed_deployment(desk: Desk, deployment_id: str) -> Act[Deployment]:
    """End a deployment for good.

    Raises: DeploymentNotFoundError.
    """
    before = desk.deployment(deployment_id)
    if before.closed_at:
        return Act(before)
    after = replace(before, closed_at=desk.now)
    details = {"models": ", ".join(after.models)}
    change = AccountChange(deployments=(after,))
    return Act(after, change, "deployment.close", after.id, details)


def _deployment(
    wish: DeploymentWish, deployment_id: str, project_id: str | None, created_at: datetime
) -> Deployment:
    return Deployment(
        id=deployment_id,
        models=wish.models,
        created_at=created_at,
        project_id=project_id,
        engine=wish.engine,
        queue=wish.queue,
        replicas=wish.replicas,
        idle_unload_s=wish.idle_unload_s,
        limits=wish.limits,
        region=wish.region,
    )


def _new_id(desk: Desk, wanted: str | None) -> str:
    """Raises: AlreadyExistsError: also if it is the id of one that has ended."""
    if wanted is None:
        found = f"dep-{new_letters(_N_LETTERS)}"
        return found if found not in desk.book.deployments else _new_id(desk, None)
    if wanted in desk.book.deployments:
        raise AlreadyExistsError(
            f"id: there is or was a deployment {wanted!r}, and what it was used for is written"
            " down under this id. Choose another one, or leave it out.",
            param="id",
        )
    return wanted


def _home_id(desk: Desk, wish: DeploymentWish) -> str | None:
    """Return the project whose keys are served, None for those of all.

    Raises: NotFoundError, InvalidRequestError.
    """
    if wish.project_id is None and desk.actor.reach is Reach.SERVER:
        return None
    project = desk.project(wish.project_id or desk.actor.project_id)
    desk.ensure_open(project)
    return project.id


def _ensure_in_bounds(desk: Desk, deployment_id: str) -> None:
    """Raises: PermissionDeniedError: if the actor's key is bound to other deployments."""
    bound = desk.actor.bounds.deployments
    if bound is not None and deployment_id not in bound:
        raise PermissionDeniedError(
            f"id: your key is bound to the deployments {in_words(bound)}. Nobody gives more than"
            " they have.",
            param="id",
        )


def _ensure_models(desk: Desk, models: tuple[str, ...]) -> None:
    """Raises: PermissionDeniedError: if the actor's key may not use one of them."""
    bound = desk.actor.bounds.models
    more = frozenset(models) - (bound if bound is not None else frozenset(models))
    if more:
        raise PermissionDeniedError(
            f"models: your key does not have {in_words(more)}. Nobody gives more than they have.",
            param="models",
        )


def _ensure_room(book: AccountBook) -> None:
    """Raises: InvalidRequestError: if there are as many as there may be."""
    n_open = sum(each.closed_at is None for each in book.deployments.values())
    if n_open >= MAX_OPEN:
        raise InvalidRequestError(
            f"There are {n_open} deployments here, and {MAX_OPEN} is the most. End one first:"
            " `loquent deployments rm ID`."
        )

"""Wait until a deployment can serve; asks nobody itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Final

from loquent.api.admin.deployment_schemas import DeploymentAnswer
from loquent.cli.console import tell, waiting_progress
from loquent.cli.deployment_serving import Served
from loquent.domain.deployments import DeploymentState
from loquent.domain.errors import LoquentError

POLL_S: Final = 0.5
NOTICE_S: Final = 10.0
"""How long a server may take to notice a deployment; one that is not busy takes a second."""


def until_started(
    deployment: DeploymentAnswer, look: Callable[[], DeploymentAnswer]
) -> DeploymentAnswer:
    """Return a deployment once it has started, and show how far it is until then.

    Raises: LoquentError: if it fails, or somebody ends it.
    """
    with _waiting(deployment.id) as wait:
        while deployment.status and deployment.status.state is DeploymentState.STARTING:
            wait(f"{deployment.status.state} {deployment.status.message}")
            deployment = look()
    return _started(deployment)


def until_served(deployment_id: str, look: Callable[[], Served]) -> Served:
    """Return how a deployment is served once it is, and show how far it is until then.

    Where nobody answers there is nothing to wait for.

    Raises: LoquentError: if it fails, or the server that answers does not know it.
    """
    give_up_s = monotonic() + NOTICE_S
    with _waiting(deployment_id) as wait:
        found = look()
        while found is Served.LOADING or (found is Served.NOT_THERE and monotonic() < give_up_s):
            wait(found)
            found = look()
    if found is Served.NOT_THERE:
        raise LoquentError(
            f"{deployment_id}: the deployment is made, but what answers there does not know it. A"
            " server serves it that has the same data folder, or the same ledger, as this command:"
            " see `data_dir`, `ledger`, `host` and `port` in the settings of both."
        )
    if found is Served.FAILED:
        raise _failed(deployment_id, "a model does not load; the log of the server says why.")
    return found


@contextmanager
def _waiting(deployment_id: str) -> Iterator[Callable[[str], None]]:
    """Yield what shows how far a deployment is, for a moment."""
    try:
        with waiting_progress() as progress:
            task = progress.add_task(deployment_id, total=None, state="")

            def wait(state: str) -> None:
                progress.update(task, state=state)
                sleep(POLL_S)

            yield wait
    except KeyboardInterrupt:
        tell(
            f"{deployment_id}: it goes on without us. `loquent deployments show {deployment_id}`"
            f" tells how far it is, `loquent deployments rm {deployment_id}` ends it."
        )
        raise


def _started(deployment: DeploymentAnswer) -> DeploymentAnswer:
    status = deployment.status
    if deployment.closed_at:
        raise LoquentError(f"{deployment.id}: somebody ended it while it started")
    if status and status.state is DeploymentState.FAILED:
        raise _failed(deployment.id, status.message or "a model does not load")
    return deployment


def _failed(deployment_id: str, why: str) -> LoquentError:
    return LoquentError(
        f"{deployment_id}: {why} The deployment is still there: the next request tries again,"
        f" `loquent deployments logs {deployment_id}` tells more, and"
        f" `loquent deployments rm {deployment_id}` ends it."
    )

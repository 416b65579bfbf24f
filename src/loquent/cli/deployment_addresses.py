"""Tell where a deployment answers, as seen from this machine; asks nobody."""

from __future__ import annotations

from urllib.parse import urlsplit

import typer

from loquent.api.admin.deployment_schemas import DeploymentAnswer
from loquent.cli.console import tell


def base_url(deployment_id: str, server: str) -> str:
    """Return the address that every client reaches that reaches `server` by this name."""
    return f"{server.rstrip('/')}/deployments/{deployment_id}/v1"


def host_url(host: str, server: str) -> str:
    """Return the address with a host name of its own, at the port of `server`."""
    address = urlsplit(server)
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{host}{port}/v1"


def tell_addresses(deployment: DeploymentAnswer, server: str, state: str) -> None:
    """Write the base URL to standard output, and beside it what else there is to try."""
    base = base_url(deployment.id, server)
    typer.echo(base)
    tell(f"{deployment.id}: {state}")
    reach = "curl and browsers know that name, other clients may not"
    if not deployment.host.endswith(".localhost"):
        reach = "once that name leads to the server"
    tell(f"also at {host_url(deployment.host, server)} ({reach})")
    tell(f'see what it serves: curl {base}/models -H "Authorization: Bearer $LOQUENT_API_KEY"')

"""Announce a Wyoming service on the local network, where Home Assistant finds it by itself."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from ipaddress import ip_address

from zeroconf import Error as ZeroconfError
from zeroconf import InterfaceChoice
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from loquent.domain.errors import LoquentError

SERVICE = "_wyoming._tcp.local."
"""What Home Assistant looks for. Source: its manifest of the integration wyoming."""

_ELSEWHERE = ("192.0.2.1", 9)
"""An address for documentation: nothing is sent, but the system tells how it would get there."""


@asynccontextmanager
async def announced(name: str, host: str, port: int) -> AsyncGenerator[None]:
    """Let the network know of a service inside the block.

    Args:
        host: what it listens on.

    Raises: LoquentError: if this machine cannot announce, or the name cannot be had.
    """
    try:
        zeroconf = AsyncZeroconf(interfaces=_interfaces(host))
    except OSError as error:
        raise _impossible(error) from error
    try:
        await _register(zeroconf, name, host, port)
        yield
    finally:
        await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()


async def _register(zeroconf: AsyncZeroconf, name: str, host: str, port: int) -> None:
    try:
        record = AsyncServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            addresses=[ip_address(_address(host)).packed],
            port=port,
            server=f"{socket.gethostname().partition('.')[0]}-loquent.local.",
        )
        await (await zeroconf.async_register_service(record, allow_name_change=True))
    except (OSError, ZeroconfError) as error:
        raise _impossible(error) from error


def _interfaces(host: str) -> InterfaceChoice | list[str]:
    return InterfaceChoice.All if _is_everywhere(host) else [_address(host)]


def _address(host: str) -> str:
    """Return the address at which others reach what listens on `host`.

    Raises: OSError.
    """
    if not _is_everywhere(host):
        return socket.gethostbyname(host) if ":" not in host else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_ELSEWHERE)
        return str(probe.getsockname()[0])


def _is_everywhere(host: str) -> bool:
    return host in ("0.0.0.0", "::")  # noqa: S104 - it is compared, not listened on


def _impossible(error: Exception) -> LoquentError:
    return LoquentError(
        f"this service cannot be announced on the network ({error or type(error).__name__});"
        " --no-zeroconf does without, then enter its address in Home Assistant by hand"
    )

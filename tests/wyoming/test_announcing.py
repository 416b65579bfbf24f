"""The announcement as python-zeroconf finds it."""

from __future__ import annotations

import asyncio
import socket

import pytest

pytest.importorskip("zeroconf", reason="needs the extra: pip install 'loquent[wyoming]'")
pytest.importorskip("wyoming", reason="needs the extra: pip install 'loquent[wyoming]'")

from zeroconf import ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from loquent.domain.errors import LoquentError
from loquent.wyoming.announcing import SERVICE, announced

LOOPBACK = "127.0.0.1"
GROUP = "224.0.0.251"
NAME = f"Loquent test {socket.gethostname()}"


def _carries_multicast() -> bool:
    """Tell whether what is sent to a group on the loopback arrives there."""
    membership = socket.inet_aton(GROUP) + socket.inet_aton(LOOPBACK)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        ear.settimeout(1)
        try:
            ear.bind(("", 0))
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOOPBACK))
            mouth.sendto(b"?", (GROUP, ear.getsockname()[1]))
            return ear.recv(1) == b"?"
        except OSError:
            return False


multicast = pytest.mark.skipif(
    not _carries_multicast(), reason="the loopback of this machine carries no multicast"
)


@multicast
async def test_a_service_is_found_until_it_ends() -> None:
    changes: asyncio.Queue[tuple[str, ServiceStateChange]] = asyncio.Queue()

    def note(name: str, state_change: ServiceStateChange, **_: object) -> None:
        changes.put_nowait((name, state_change))

    async def seen(change: ServiceStateChange) -> None:
        async with asyncio.timeout(20):
            while await changes.get() != (f"{NAME}.{SERVICE}", change):
                pass

    observer = AsyncZeroconf(interfaces=[LOOPBACK])
    browser = AsyncServiceBrowser(observer.zeroconf, SERVICE, handlers=[note])
    try:
        async with announced(NAME, LOOPBACK, 10_333):
            await seen(ServiceStateChange.Added)
            record = AsyncServiceInfo(SERVICE, f"{NAME}.{SERVICE}")
            assert await record.async_request(observer.zeroconf, 10_000)
            assert (record.parsed_addresses(), record.port) == ([LOOPBACK], 10_333)
        await seen(ServiceStateChange.Removed)
    finally:
        await browser.async_cancel()
        await observer.async_close()


@multicast
@pytest.mark.parametrize("name", ["", "x" * 64])
async def test_a_name_that_cannot_be_had_is_told(name: str) -> None:
    with pytest.raises(LoquentError, match="--no-zeroconf"):
        async with announced(name, LOOPBACK, 10_333):
            pass

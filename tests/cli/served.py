"""Runs a server beside a command line that runs in this process, where it blocks its thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

from starlette.types import ASGIApp

from tests.vendors.server import serving


def running(app: ASGIApp) -> Iterator[str]:
    """Serve `app` in a thread of its own; yield its address."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with serving(app) as url:
            urls.append(url)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    ready.wait()
    yield urls[0]
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()

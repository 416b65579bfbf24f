"""A provider in a process of its own that answers at once; says where it listens.

Run as `python -m bench.router_vendor`; it ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from tests.vendors.faults import Fault, FaultyFront


async def main() -> None:
    """Serve until nobody holds the other end of standard input."""
    async with FaultyFront(Fault.NONE).running() as vendor:
        print(vendor.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())

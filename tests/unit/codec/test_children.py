"""How a child process is ended; the watcher that waits for it must not be robbed of its status."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

import pytest

from loquent.codec.children import end_at_once


async def _child() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)


def _outlive(pid: int) -> None:
    """Wait until the process has ended, and leave its status to who asks for it."""
    with suppress(ChildProcessError):  # it has been asked for
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


async def test_a_child_is_killed() -> None:
    process = await _child()
    end_at_once(process)
    assert await process.wait() == -signal.SIGKILL
    end_at_once(process)


async def test_the_status_of_a_child_that_has_just_ended_is_not_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = await _child()
    os.kill(process.pid, signal.SIGTERM)
    _outlive(process.pid)
    end_at_once(process)
    assert await process.wait() == -signal.SIGTERM
    assert not caplog.records

"""How a child process is ended."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress


def end_at_once(process: asyncio.subprocess.Process) -> None:
    """Kill `process`, whatever it does; no harm if it has ended.

    `Process.kill` asks first whether it has, and so takes the exit status away from the watcher
    that waits for it: the status is lost, and the watcher warns on standard error.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

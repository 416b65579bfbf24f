"""Takes from this process what decoding does not need; knows nothing of audio.

Resource limits hold on every Unix. The rest is Linux only and taken where the kernel lets us:
containers often refuse new namespaces.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
from contextlib import suppress

# Source: linux/prctl.h and linux/sched.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000

_FIRST_FREE = 3
"""The first descriptor after standard input, output and error."""


def confine(max_memory_bytes: int) -> None:
    """Bound memory, forbid further files, sockets and core dumps, and die with the parent.

    Of descriptors it leaves the three standard ones, and room for one: the recording. While that is
    open, nothing can open a second file or a socket, whatever the recording asks for.
    """
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, signal.SIG_IGN)  # the parent drains first, and ends us after
    if sys.platform == "linux":
        _leave_the_house()
    os.closerange(_FIRST_FREE, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # not all loops do
    _lower(resource.RLIMIT_NOFILE, _FIRST_FREE + 1)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_AS, max_memory_bytes)


def grant_cpu(budget_s: int) -> None:
    """Let this process run `budget_s` seconds more; SIGXCPU ends it then."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit_s = math.ceil(used.ru_utime + used.ru_stime) + budget_s
    _, hard_s = resource.getrlimit(resource.RLIMIT_CPU)
    if hard_s != resource.RLIM_INFINITY:
        limit_s = min(limit_s, hard_s)
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, hard_s))


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with suppress(OSError, ValueError):  # macOS knows RLIMIT_AS but refuses to set it
        resource.setrlimit(kind, (limit, limit))


def _leave_the_house() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)

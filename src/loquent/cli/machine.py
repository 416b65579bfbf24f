"""Describe this machine and what is installed on it, for people; knows no setting."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from loquent import __version__

LIBRARIES = ("ctranslate2", "faster-whisper", "onnxruntime", "av", "numpy", "fastapi", "uvicorn")

GIGABYTE = 1_000_000_000

_MEMORY = Path("/proc/meminfo")
_PROCESSORS = Path("/proc/cpuinfo")
_KIBIBYTE = 1024


def software() -> str:
    """Name Loquent, Python, the system and the libraries that do the work, with versions."""
    libraries = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    python = f"Python {platform.python_version()}"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"loquent {__version__}, {python}, {system}; {libraries}"


def processor() -> str:
    """Name the processor, as far as the system tells."""
    name = _value(_PROCESSORS, "model name") or platform.processor() or platform.machine()
    return " ".join(name.split())


def n_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> tuple[int, int] | None:
    """Return all memory and what of it is free for programs, None where the system does not say."""
    total, available = _value(_MEMORY, "MemTotal"), _value(_MEMORY, "MemAvailable")
    if not (total and available):
        return None
    return int(total.split()[0]) * _KIBIBYTE, int(available.split()[0]) * _KIBIBYTE


def gigabytes(n_bytes: float) -> str:
    """Write a size for people."""
    return f"{n_bytes / GIGABYTE:.1f} GB"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _value(file: Path, name: str) -> str:
    """Return what the first line that begins with `name` says, "" if there is none."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")

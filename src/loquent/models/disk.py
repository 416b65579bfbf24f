"""Careful handling of files: hashing, bounded writing, and renames that survive a power cut.

It knows nothing of models or where bytes come from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

BLOCK_BYTES = 4 * 1024**2
_UNFINISHED = ".unfinished"


class TooLargeError(Exception):
    """More bytes came than were announced."""


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of `stream` in pieces of at most `BLOCK_BYTES`."""
    while block := stream.read(BLOCK_BYTES):
        yield block


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def has_size(path: Path, n_bytes: int) -> bool:
    """Tell whether `path` is a file of exactly `n_bytes`."""
    return path.is_file() and path.stat().st_size == n_bytes


def write_whole(target: Path, content: Iterable[bytes], max_bytes: int) -> None:
    """Write `content` to `target`, which appears only once it is whole.

    Raises: TooLargeError: if there is more than `max_bytes`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}{_UNFINISHED}")
    n_bytes = 0
    with unfinished.open("wb") as stream:
        for block in content:
            n_bytes += len(block)
            if n_bytes > max_bytes:
                raise TooLargeError(f"{target.name} is larger than the {max_bytes} bytes expected")
            stream.write(block)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(target)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk.

    Platforms that cannot open a folder keep its names by other means.
    """
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def folder_bytes(folder: Path) -> int:
    """Return what the files under `folder` take; files may come and go meanwhile."""
    n_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                n_bytes += Path(parent, name).lstat().st_size
            except FileNotFoundError:
                continue
    return n_bytes


def free_bytes(folder: Path) -> int:
    """Return how much may still be written to the disk of `folder`."""
    return shutil.disk_usage(folder).free

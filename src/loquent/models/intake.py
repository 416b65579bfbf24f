"""The gate between what was fetched and what may be loaded: room for it, and its checksums.

It does not know where anything came from, nor where it will live.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from loquent.domain.errors import ModelLoadError
from loquent.domain.stock import Phase, PullEvent
from loquent.models.disk import folder_bytes, has_size, sha256_of, sync
from loquent.models.entry import CatalogEntry, ModelFile
from loquent.models.events import OnEvent
from loquent.models.manifest import InstalledFile, Manifest
from loquent.models.source import Plan, SourceError

_RESERVE_BYTES = 64 * 1024**2
"""Left free on the disk, for logs and everyone else."""


def check_space(entry: CatalogEntry, plan: Plan, work: Path, n_free_bytes: int) -> None:
    """Refuse a fetch for which the disk has no room, counting what `work` already holds.

    Raises: ModelLoadError: with the code "insufficient_storage".
    """
    n_needed_bytes = plan.n_disk_bytes - folder_bytes(work) + _RESERVE_BYTES
    if n_needed_bytes > n_free_bytes:
        raise ModelLoadError(
            f"Model {entry.id!r} needs {_megabytes(n_needed_bytes)} more on the disk, of which "
            f"{_megabytes(n_free_bytes)} are free.",
            param="model",
            code="insufficient_storage",
        )


def verify(entry: CatalogEntry, source: str, plan: Plan, work: Path, on_event: OnEvent) -> Manifest:
    """Check every file in `work`, and make of it a folder that can be moved into place.

    Returns: the manifest, which then lies in `work` among the planned files and nothing else;
        all of it is on the disk.
    Raises: SourceError: if a file is not what was planned; that file is deleted.
    """
    files: list[InstalledFile] = []
    n_total_bytes = sum(file.n_bytes for file in plan.files)
    n_done_bytes = 0
    for file in plan.files:
        step = PullEvent(entry.id, Phase.VERIFYING, source, n_done_bytes, n_total_bytes)
        on_event(replace(step, file=file.path))
        files.append(_verified(work, file))
        n_done_bytes += file.n_bytes
    manifest = Manifest(entry.model, entry.engine, source, plan.revision, tuple(files))
    _keep_only(work, [file.path for file in files])
    manifest.write(work)
    for folder in {work, *((work / file.path).parent for file in files)}:
        sync(folder)
    return manifest


def _verified(work: Path, file: ModelFile) -> InstalledFile:
    path = work / file.path
    if path.is_symlink() or not has_size(path, file.n_bytes):
        path.unlink(missing_ok=True)
        raise SourceError(f"delivered {file.path} in another size than announced")
    digest = sha256_of(path)
    if file.sha256 not in (None, digest):
        path.unlink()
        raise SourceError(f"delivered {file.path} with another checksum than announced")
    sync(path)
    return InstalledFile(file.path, file.n_bytes, digest, path.stat().st_mtime_ns)


def _keep_only(work: Path, paths: Iterable[str]) -> None:
    kept = {PurePosixPath(path).parts[0] for path in paths}
    for path in work.iterdir():
        if path.name in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.0f} MB"

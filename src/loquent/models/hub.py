"""Take models from a model hub, at a pinned revision and from an allow-list of file names.

It knows what to ask of a hub, not how one is spoken to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loquent.models.allowed_files import AllowedFiles
from loquent.models.disk import has_size
from loquent.models.entry import (
    MAX_MODEL_BYTES,
    CatalogEntry,
    HubLocation,
    ModelFile,
    total_bytes,
)
from loquent.models.events import OnBytes
from loquent.models.source import Plan, SourceError

_PARTS = ".parts"


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository; `sha256` is None where the hub keeps none for it."""

    path: str
    n_bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class HubSnapshot:
    """All files of a repository at one commit."""

    revision: str
    files: tuple[HubFile, ...]


class HubClient(Protocol):
    """What we ask of a model hub; both calls raise SourceError."""

    def snapshot(self, location: HubLocation) -> HubSnapshot:
        """Resolve a branch, a tag or None to a commit and list its files."""
        ...

    def download(
        self, location: HubLocation, file: ModelFile, part: Path, on_bytes: OnBytes
    ) -> None:
        """Append to `part` what it still lacks of `file`, telling how long it is by now."""
        ...


@dataclass(frozen=True, slots=True)
class Hub:
    """The model hub as a source."""

    client: HubClient
    name: str = "hub"
    is_remote: bool = True

    def plan(self, entry: CatalogEntry) -> Plan:
        """Pin the revision, and list the files where the catalog does not.

        A hub that cannot be reached is noticed here, before the patient retries of a download.
        """
        if entry.hub is None:
            raise SourceError(f"does not have {entry.id}")
        snapshot = self.client.snapshot(entry.hub)
        files = entry.files or _allowed(snapshot, entry.hub.folder, entry.allowed_files)
        n_bytes = total_bytes(files)
        return Plan(snapshot.revision, files, n_bytes, n_bytes)

    def fetch(self, entry: CatalogEntry, plan: Plan, into: Path, on_bytes: OnBytes) -> None:
        """Download file by file; each resumes where it was cut off."""
        assert entry.hub is not None, "a plan was made"
        location = HubLocation(entry.hub.repo, plan.revision, entry.hub.folder)
        n_before = 0
        for file in plan.files:
            if not has_size(into / file.path, file.n_bytes):
                self._download(location, file, into, _shifted(on_bytes, n_before))
            n_before += file.n_bytes
            on_bytes(n_before)

    def _download(
        self, location: HubLocation, file: ModelFile, into: Path, on_bytes: OnBytes
    ) -> None:
        part = into / _PARTS / file.path
        part.parent.mkdir(parents=True, exist_ok=True)
        if part.exists() and part.stat().st_size > file.n_bytes:
            part.unlink()
        self.client.download(location, file, part, on_bytes)
        if not has_size(part, file.n_bytes):
            raise SourceError(f"sent {file.path} in another size than announced")
        target = into / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)


def _allowed(snapshot: HubSnapshot, folder: str, allowed: AllowedFiles) -> tuple[ModelFile, ...]:
    prefix = f"{folder}/" if folder else ""
    names = {
        file.path.removeprefix(prefix): file
        for file in snapshot.files
        if file.path.startswith(prefix)
    }
    files = tuple(
        ModelFile(name, file.n_bytes, file.sha256)
        for name, file in names.items()
        if "/" not in name and allowed.holds(name)
    )
    if missing := allowed.missing(file.path for file in files):
        raise SourceError(f"has no {missing} there: it is not {allowed.kind}")
    if total_bytes(files) > MAX_MODEL_BYTES:
        raise SourceError(f"has more there than the {MAX_MODEL_BYTES} bytes a model may have")
    return files


def _shifted(on_bytes: OnBytes, n_before: int) -> OnBytes:
    return lambda n_bytes: on_bytes(n_before + n_bytes)

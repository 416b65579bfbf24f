"""Take models from a folder on this machine, such as a mounted share or a copied store.

It never changes that folder and trusts no file in it before its checksum was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loquent.models.allowed_files import AllowedFiles
from loquent.models.disk import TooLargeError, blocks, has_size, write_whole
from loquent.models.entry import CatalogEntry, ModelFile, folder_name, total_bytes
from loquent.models.events import OnBytes
from loquent.models.manifest import Manifest
from loquent.models.source import Plan, SourceError


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """Models in `folder`, each in a folder named as a store names it."""

    folder: Path
    name: str = "local folder"
    is_remote: bool = False

    def plan(self, entry: CatalogEntry) -> Plan:
        """Find `entry`'s files, described by the catalog, a manifest, or else their names."""
        home = self._home(entry)
        if not home.is_dir():
            raise SourceError(f"has no folder {home.name}")
        described = _described(home)
        files = _pinned(entry.files, described) or described
        files = files or _recognised(home, entry.allowed_files)
        if not files:
            raise SourceError(f"has no model files in {home.name}")
        for file in files:
            if not has_size(home / file.path, file.n_bytes):
                raise SourceError(f"lacks {file.path}, or has it in another size")
        n_bytes = total_bytes(files)
        return Plan("local", files, n_bytes, n_bytes)

    def fetch(self, entry: CatalogEntry, plan: Plan, into: Path, on_bytes: OnBytes) -> None:
        """Copy the files, so that the store never depends on the folder again."""
        n_before = 0
        for file in plan.files:
            if not has_size(into / file.path, file.n_bytes):
                self._copy(self._home(entry) / file.path, into / file.path, file)
            n_before += file.n_bytes
            on_bytes(n_before)

    def _home(self, entry: CatalogEntry) -> Path:
        return self.folder / folder_name(entry.id)

    def _copy(self, origin: Path, target: Path, file: ModelFile) -> None:
        try:
            with origin.open("rb") as stream:
                write_whole(target, blocks(stream), file.n_bytes)
        except TooLargeError as exc:
            raise SourceError(str(exc)) from exc
        except OSError as exc:
            raise SourceError(f"could not copy {file.path}: {exc.strerror}") from exc


def _described(home: Path) -> tuple[ModelFile, ...]:
    manifest = Manifest.read(home)
    if manifest is None:
        return ()
    return tuple(ModelFile(file.path, file.n_bytes, file.sha256) for file in manifest.files)


def _pinned(
    files: tuple[ModelFile, ...], described: tuple[ModelFile, ...]
) -> tuple[ModelFile, ...]:
    """Take from a manifest the checksums that the catalog cannot know."""
    digests = {(file.path, file.n_bytes): file.sha256 for file in described}
    return tuple(
        ModelFile(file.path, file.n_bytes, file.sha256 or digests.get((file.path, file.n_bytes)))
        for file in files
    )


def _recognised(home: Path, allowed: AllowedFiles) -> tuple[ModelFile, ...]:
    names = sorted(path.name for path in home.iterdir() if allowed.holds(path.name))
    return tuple(ModelFile(name, (home / name).stat().st_size) for name in names)

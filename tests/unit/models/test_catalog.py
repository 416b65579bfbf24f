"""The shipped catalog, the recordings beside the tests, and catalogs that are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loquent.domain.errors import ModelNotFoundError
from loquent.domain.model import Capability
from loquent.models.catalog import Catalog

_CLIPS = Path(__file__).parents[2] / "clips.toml"
_MODEL = """
defaults = [{default}]
[language_groups]
whisper = ["de", "en"]
[[model]]
id = "one"
capabilities = ["transcription"]
languages = "whisper"
license = "MIT"
owned_by = "us"
quantization = "int8"
created = 1970-01-02
engine = "whisper_ct2"
files = [{{ path = "model.bin", n_bytes = 1, sha256 = "{digest}", members = [{members}] }}]
"""


def _write(path: Path, default: str = "", digest: str = "0" * 64, members: str = "") -> Path:
    path.write_text(_MODEL.format(default=default, digest=digest, members=members))
    return path


def test_the_shipped_catalog_starts_with_small_models_and_something_to_try_them_on() -> None:
    catalog = Catalog.load()
    listen, speak = ("whisper-base", "whisper-tiny.en"), ("kokoro", "piper-en-us-joe")
    assert catalog.defaults == (*listen, *speak, "pyannote-campplus", "sample-speech")
    assert all(catalog.entries[name].archives for name in catalog.defaults)


def test_every_shipped_model_is_pinned_to_an_edition_and_checksums() -> None:
    for entry in Catalog.load().entries.values():
        assert all(file.sha256 or file.made_by for file in entry.files)
        if entry.hub is None:
            assert entry.archives or entry.is_built_in
        else:
            assert re.fullmatch(r"[0-9a-f]{40}|v[0-9.]+", entry.hub.revision or "")


@pytest.mark.parametrize(
    ("model_id", "translates", "n_languages"),
    [
        ("whisper-base", True, 99),
        ("whisper-tiny.en", False, 1),
        ("whisper-small", True, 99),
        ("whisper-large-v3", True, 100),
        ("whisper-large-v3-turbo", False, 100),
    ],
)
def test_each_shipped_model_says_what_it_can_do(
    model_id: str, translates: bool, n_languages: int
) -> None:
    card = Catalog.load().entries[model_id].card()
    assert Capability.TRANSCRIPTION in card.capabilities
    assert (Capability.TRANSLATION in card.capabilities) is translates
    assert len(set(card.languages)) == n_languages


def test_what_tells_voices_apart_is_made_of_one_wheel_that_any_machine_can_fetch() -> None:
    entry = Catalog.load().entries["pyannote-campplus"]
    assert entry.engine == "voices"
    assert entry.card().capabilities == {Capability.DIARIZATION}
    assert entry.card().languages == ()
    (archive,) = entry.archives
    assert (archive.platform, archive.python) == ("manylinux_2_28_x86_64", "cp311")
    made = {file.path: file.made_by for file in entry.files}
    assert made == {"segmentation.onnx": "pyannet", "voices.onnx": "campplus"}


def test_recordings_are_described_in_the_same_format() -> None:
    clips = Catalog.load(_CLIPS).entries.values()
    assert {language for clip in clips for language in clip.card().languages} == {"en", "zh"}
    for clip in clips:
        assert all(file.sha256 and file.members for file in clip.files)
        assert bool(clip.text) is bool(clip.card().languages)


def test_a_catalog_is_read_field_by_field(tmp_path: Path) -> None:
    entry = Catalog.load(_write(tmp_path / "c.toml", default='"one"')).entries["one"]
    assert entry.card().languages == ("de", "en")
    assert entry.card().created_s == 86_400
    assert entry.n_bytes == 1
    assert entry.hub is None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"default": '"two"'}, "defaults"),
        ({"digest": "xyz"}, "SHA-256"),
        ({"members": '{ package = "p", path = "x" }'}, "packages"),
        ({"members": '{ package = "p" }'}, "field"),
    ],
)
def test_a_wrong_catalog_is_refused(tmp_path: Path, fields: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Catalog.load(_write(tmp_path / "c.toml", **fields))


_MADE = '{ path = "m", n_bytes = 1, made_by = "x", members = [{ package = "p", path = "y" }] }'
_PACKED = f'{{ kind = "wheel", package = "p", version = "1", n_bytes = 1, sha256 = "{0:064d}" }}'


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (_MADE, None),
        (_MADE.replace("n_bytes", f'sha256 = "{0:064d}", n_bytes'), "size alone"),
        (_MADE.replace('"y" }', '"y" }, { package = "p", path = "z" }'), "one member"),
        (_MADE.replace('made_by = "x", ', ""), "sha256"),
    ],
)
def test_only_what_a_converter_makes_of_one_member_may_lack_a_checksum(
    tmp_path: Path, file: str, complaint: str | None
) -> None:
    path = _write(tmp_path / "c.toml")
    rows = f"archives = [{_PACKED}]\nfiles = [{file}]\n"
    path.write_text(path.read_text().partition("files = ")[0] + rows)
    if complaint is None:
        assert Catalog.load(path).entries["one"].files[0].made_by == "x"
    else:
        with pytest.raises(ValueError, match=complaint):
            Catalog.load(path)


def test_a_model_listed_twice_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "c.toml")
    text = path.read_text()
    path.write_text(text + text[text.index("[[model]]") :])
    with pytest.raises(ValueError, match="twice"):
        Catalog.load(path)


def test_a_model_is_found_by_its_id_and_by_its_repository() -> None:
    catalog = Catalog.load()
    base = catalog.entries["whisper-base"]
    assert catalog.find("whisper-base") is base
    assert catalog.find("Systran/faster-whisper-base") is base


def test_a_repository_with_a_revision_stands_for_itself() -> None:
    entry = Catalog.load().find("Systran/faster-whisper-base@main")
    assert entry.id == "Systran/faster-whisper-base"
    assert entry.files == ()


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(ModelNotFoundError, match=r"whisper-base") as caught:
        Catalog.load().find("wisper-bas")
    assert caught.value.param == "model"


def test_an_unthinkable_repository_is_not_found() -> None:
    with pytest.raises(ModelNotFoundError):
        Catalog.load().find("../../etc/passwd")


def test_a_piper_voice_that_is_not_listed_is_found_by_its_name() -> None:
    catalog = Catalog.load()
    voice = catalog.find("piper-de_DE-thorsten-medium")
    assert voice.id not in catalog.entries
    assert voice.hub is not None
    assert voice.hub.folder == "de/de_DE/thorsten/medium"
    assert catalog.find("piper-en-us-joe") is catalog.entries["piper-en-us-joe"]


def test_every_shipped_model_that_speaks_has_voices_of_its_languages() -> None:
    speakers = [e.card() for e in Catalog.load().entries.values() if e.card().voices]
    assert {card.id for card in speakers} >= {"kokoro", "piper-en-us-joe", "espeak"}
    for card in speakers:
        assert card.capabilities == {Capability.SPEECH}
        assert {voice.language_code for voice in card.voices} == set(card.languages)
        assert len({voice.id for voice in card.voices}) == len(card.voices)
        assert all(knob.least < knob.most for knob in card.knobs)


def test_a_model_may_have_a_voice_for_each_language() -> None:
    espeak = Catalog.load().entries["espeak"]
    assert espeak.is_built_in
    assert tuple(voice.id for voice in espeak.card().voices) == espeak.card().languages

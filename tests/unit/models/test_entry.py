"""The names that are let through, and those that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.model import Capability, Gender, Voice
from loquent.models.entry import (
    Archive,
    ArchiveKind,
    HubLocation,
    ModelFile,
    check_model_id,
    entry_of_piper_voice,
    entry_of_repository,
    folder_name,
)

_names = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True)
_ids = st.one_of(_names, st.tuples(_names, _names).map("/".join)).filter(
    lambda text: "--" not in text and ".." not in text
)

N = Gender.NEUTRAL


@pytest.mark.parametrize(
    "bad",
    ["", ".", "..", "a/../b", "../a", "/a", "a/", "a/b/c", "a--b", "a b", "a\\b", ".hidden", "é"],
)
def test_an_id_that_could_leave_the_store_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not a model id"):
        check_model_id(bad)


@given(_ids, _ids)
def test_distinct_ids_have_distinct_plain_folders(one: str, other: str) -> None:
    assert "/" not in folder_name(one)
    assert not folder_name(one).startswith(".")
    assert (folder_name(one) == folder_name(other)) == (one == other)


@pytest.mark.parametrize(
    "bad",
    ["", "/etc/passwd", "../up", "a/../../b", ".hidden", "a/.b", "a\\b", "C:x", "manifest.json"],
)
def test_a_file_that_could_leave_its_folder_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="model"):
        ModelFile(bad, 1)


@pytest.mark.parametrize("bad", ["", "A" * 64, "0" * 63])
def test_a_checksum_must_be_a_sha256(bad: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        ModelFile("model.bin", 1, bad)


@pytest.mark.parametrize("bad", ["--index-url", "-r", "a b", "git+x", "../x"])
def test_a_package_that_a_client_could_take_for_an_option_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not a published package"):
        Archive(ArchiveKind.NPM, bad, "1.0", 1, "0" * 64)


@pytest.mark.parametrize("bad", ["", "3.11", "cp2", "py3", "cp311 --index-url", "-r"])
def test_a_python_that_is_no_tag_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not the tag of a Python"):
        Archive(ArchiveKind.WHEEL, "p", "1.0", 1, "0" * 64, python=bad)


def test_a_scoped_npm_package_is_accepted() -> None:
    assert Archive(ArchiveKind.NPM, "@scope/name", "1.0", 1, "0" * 64).package == "@scope/name"


def test_a_repository_may_name_a_revision() -> None:
    assert entry_of_repository("owner/name@main", ("de",)).hub == HubLocation("owner/name", "main")
    assert entry_of_repository("owner/name", ("de",)).hub == HubLocation("owner/name")


@pytest.mark.parametrize("bad", ["owner/../name", "owner/name@-x", "owner/name@a b"])
def test_a_repository_with_an_impossible_name_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        entry_of_repository(bad, ())


def test_an_english_only_repository_does_not_translate() -> None:
    english = entry_of_repository("owner/whisper.en", ("de", "en")).card()
    assert english.languages == ("en",)
    assert english.capabilities == {Capability.TRANSCRIPTION}
    everything = entry_of_repository("owner/whisper", ("de", "en")).card()
    assert everything.languages == ("de", "en")
    assert Capability.TRANSLATION in everything.capabilities


@pytest.mark.parametrize(
    ("model_id", "folder", "voice"),
    [
        ("piper-de_DE-thorsten-medium", "de/de_DE/thorsten/medium", Voice("thorsten", "de-DE", N)),
        ("piper-en_GB-alan-low", "en/en_GB/alan/low", Voice("alan", "en-GB", N)),
        ("piper-kk_KZ-iseke-x_low", "kk/kk_KZ/iseke/x_low", Voice("iseke", "kk-KZ", N)),
        ("piper-pt_BR-faber_x2-high", "pt/pt_BR/faber_x2/high", Voice("faber_x2", "pt-BR", N)),
    ],
)
def test_a_piper_voice_lies_on_the_hub_in_a_folder_of_its_own(
    model_id: str, folder: str, voice: Voice
) -> None:
    found = entry_of_piper_voice(model_id)
    assert found is not None
    assert found.hub is not None
    assert (found.hub.repo, found.hub.folder) == ("rhasspy/piper-voices", folder)
    assert found.hub.revision
    assert (found.id, found.engine, found.files) == (model_id, "piper", ())
    assert found.card().capabilities == {Capability.SPEECH}
    assert found.card().voices == (voice,)
    assert found.card().languages == (voice.language_code,)
    assert not found.is_built_in


@pytest.mark.parametrize(
    "name",
    [
        "piper",
        "piper-de_DE-thorsten",
        "piper-de_DE-thorsten-best",
        "piper-de-thorsten-medium",
        "piper-DE_de-thorsten-medium",
        "piper-de_DE-../x-medium",
        "piper-de_DE-thorsten-medium/..",
        "piper-de_DE-é-medium",
        "piper-de_DE--medium",
        "Piper-de_DE-thorsten-medium",
        "piper-de_DE-thorsten-medium\n",
    ],
)
def test_other_names_are_no_piper_voices(name: str) -> None:
    assert entry_of_piper_voice(name) is None


@given(st.from_regex(r"piper-[a-z]{2}_[A-Z]{2}-[a-z_]{1,9}-(low|high)", fullmatch=True))
def test_any_name_of_that_form_is_an_entry_or_none(name: str) -> None:
    found = entry_of_piper_voice(name)
    assert found is None or found.id == name


@pytest.mark.parametrize("bad", ["/", "../up", "a/../b", "a//b", "a/", "/a", "a b", ".a"])
def test_a_folder_that_could_leave_its_repository_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="is not a folder"):
        HubLocation("owner/name", None, bad)

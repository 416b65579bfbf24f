"""The names that are let through, and those that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.model import Capability
from loquent.models.entry import (
    Archive,
    ArchiveKind,
    HubLocation,
    ModelFile,
    check_model_id,
    entry_of_repository,
    folder_name,
)

_names = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True)
_ids = st.one_of(_names, st.tuples(_names, _names).map("/".join)).filter(
    lambda text: "--" not in text and ".." not in text
)


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

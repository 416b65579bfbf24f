"""Recordings that come as text: what is put on disk, and what is refused."""

from __future__ import annotations

import base64
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loquent.api.references import keep_references
from loquent.api.speaker_fields import NamedVoice
from loquent.api.uploads import TEMPORARY_PREFIX
from loquent.domain.errors import InvalidRequestError

LIMIT_BYTES = 200_000
HEAD = "data:audio/wav;base64,"


def voice(content: bytes, name: str = "Ann", head: str = HEAD) -> NamedVoice:
    return NamedVoice(name, head + base64.b64encode(content).decode())


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def keep(voices: list[NamedVoice], directory: Path) -> None:
    """Put the recordings of `voices` on disk, and let go of them."""
    async with AsyncExitStack() as owned:
        await keep_references(voices, LIMIT_BYTES, directory, owned)


async def refused(url: str, directory: Path) -> str:
    """Return why `url` is refused, having checked that no file is left of it."""
    with pytest.raises(InvalidRequestError) as caught:
        await keep([NamedVoice("Ann", url)], directory)
    assert caught.value.param == "known_speaker_references"
    assert "'Ann'" in caught.value.message
    assert len(caught.value.message) < 300
    assert names_in(directory) == []
    return caught.value.message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(contents=st.lists(st.binary(min_size=1), min_size=1, max_size=3))
@example(contents=[bytes(range(256)) * 700, b"x"])
async def test_recordings_lie_on_disk_until_their_owner_lets_go(
    tmp_path: Path, contents: list[bytes]
) -> None:
    voices = [voice(content, f"N{number}") for number, content in enumerate(contents)]
    async with AsyncExitStack() as owned:
        known = await keep_references(voices, LIMIT_BYTES, tmp_path, owned)
        assert [each.name for each in known] == [each.name for each in voices]
        assert [each.reference.path.read_bytes() for each in known] == contents
        assert [each.reference.n_bytes for each in known] == [len(c) for c in contents]
        assert all(each.reference.path.name.startswith(TEMPORARY_PREFIX) for each in known)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    "head",
    [
        "data:;base64,",
        "DATA:audio/WAV;BASE64,",
        "data:audio/webm;codecs=opus;base64,",
        "data:application/octet-stream;base64,",
    ],
)
async def test_the_content_says_what_it_is_not_the_type(tmp_path: Path, head: str) -> None:
    async with AsyncExitStack() as owned:
        (known,) = await keep_references([voice(b"RIFF", head=head)], 4, tmp_path, owned)
        assert known.reference.path.read_bytes() == b"RIFF"


async def test_lines_may_be_broken_as_base64_does_it(tmp_path: Path) -> None:
    content = bytes(range(256)) * 500
    broken = base64.encodebytes(content).decode().replace("\n", "\r\n")
    async with AsyncExitStack() as owned:
        (known,) = await keep_references(
            [NamedVoice("Ann", HEAD + broken)], LIMIT_BYTES, tmp_path, owned
        )
        assert known.reference.path.read_bytes() == content


@pytest.mark.parametrize(
    "url",
    [
        "ann.wav",
        "https://example.org/ann.wav",
        "file:///etc/passwd",
        "UklGRg==",
        "data:audio/wav,RIFF",
        "data:audio/wav;base64",
        f"data:{'x' * 300};base64,UklGRg==",
        "\x00\ud800",
    ],
)
async def test_what_is_no_data_url_is_told_how_one_begins(tmp_path: Path, url: str) -> None:
    assert "data:audio/wav;base64," in await refused(url, tmp_path)


@pytest.mark.parametrize(
    "text", ["?", "UklGRg", "U", "Ukl-Rg==", "UklG=Rg=", "ÄÄÄÄ", "====", "\ud800"]
)
async def test_garbage_is_refused(tmp_path: Path, text: str) -> None:
    message = await refused(HEAD + text, tmp_path)
    assert "base64" in message or "padding" in message


async def test_garbage_far_behind_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    text = base64.b64encode(bytes(150_000)).decode()
    assert "base64" in await refused(f"{HEAD}{text}!AAA", tmp_path)
    assert "joined" in await refused(f"{HEAD}{text[:65_534]}=={text}", tmp_path)


@pytest.mark.parametrize("text", ["", " \n"])
async def test_nothing_is_refused(tmp_path: Path, text: str) -> None:
    assert "empty" in await refused(HEAD + text, tmp_path)


async def test_a_recording_of_exactly_the_limit_passes_and_one_byte_more_does_not(
    tmp_path: Path,
) -> None:
    await keep([voice(bytes(LIMIT_BYTES))], tmp_path)
    message = await refused(voice(bytes(LIMIT_BYTES + 1)).url, tmp_path)
    assert "larger than 200000 bytes; 2 to 10 seconds" in message


async def test_recordings_before_a_bad_one_are_removed_too(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="'Ben'"):
        await keep([voice(b"RIFF"), NamedVoice("Ben", "nothing")], tmp_path)
    assert names_in(tmp_path) == []

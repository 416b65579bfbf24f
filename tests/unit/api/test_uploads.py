"""Forms as they arrive: what is kept, what is refused, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loquent.api.parts import UploadLimits
from loquent.api.uploads import (
    CURL_EXAMPLE,
    TEMPORARY_PREFIX,
    ReceivedForm,
    drain,
    receive_form,
    refuse_declared_length,
    remove,
    sweep_stale_uploads,
)
from loquent.domain.errors import (
    InvalidAudioError,
    InvalidRequestError,
    LoquentError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)

BOUNDARY = b"b0undary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY.decode()}"
LIMITS = UploadLimits()
KIB = 1024

FIELD_NAMES = st.text(st.characters(exclude_categories=["C"], exclude_characters='"\\'), min_size=1)
FIELDS = st.lists(st.tuples(FIELD_NAMES.filter(lambda name: name != "file"), st.text()), max_size=5)
FRAGMENTS = [
    b"--b0undary", b"\r\n", b"--", b"\n", b"-", b"\r", b"Content-Disposition: form-data",
    b'; name="file"', b'; filename="a"', b'; name="x"', b": ", b"\xff", b"Content-Type: a/b", b";",
]  # fmt: skip
GARBAGE = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=4), max_size=30).map(b"".join)


def part(headers: str, content: bytes) -> bytes:
    return b"--" + BOUNDARY + b"\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


def text_part(name: str, content: bytes) -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', content)


def file_part(content: bytes, name: str = "file") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="a.wav"'
    return part(f"{disposition}\r\nContent-Type: audio/wav", content)


def body_of(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def pieces(contents: Iterable[bytes]) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


@contextlib.contextmanager
def kept(form: ReceivedForm) -> Iterator[ReceivedForm]:
    """Keep the file of `form` inside the block."""
    yield form
    remove(form.source)


async def received(
    body: bytes, directory: Path, limits: UploadLimits = LIMITS, content_type: str = CONTENT_TYPE
) -> ReceivedForm:
    return await receive_form(content_type, pieces([body]), limits, directory)


async def refused(
    body: bytes, directory: Path, limits: UploadLimits = LIMITS, content_type: str = CONTENT_TYPE
) -> LoquentError:
    """Return the refusal of `body`, having checked that no file is left of it."""
    with pytest.raises(InvalidRequestError) as caught:
        await received(body, directory, limits, content_type)
    assert names_in(directory) == []
    return caught.value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(fields=FIELDS, content=st.binary(min_size=1) | GARBAGE, choice=st.data())
async def test_a_form_is_received_whole_however_it_is_cut(
    tmp_path: Path, fields: list[tuple[str, str]], content: bytes, choice: st.DataObject
) -> None:
    content = content.replace(b"\r\n--" + BOUNDARY, b"") or b"RIFF"
    parts = [text_part(name, text.encode()) for name, text in fields]
    parts.insert(choice.draw(st.integers(0, len(parts))), file_part(content))
    body = body_of(*parts)
    cuts = sorted(choice.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    cut_body = [body[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    with kept(await receive_form(CONTENT_TYPE, pieces(cut_body), LIMITS, tmp_path)) as form:
        assert form.fields == tuple(fields)
        assert form.source.n_bytes == len(content)
        assert form.source.path.read_bytes() == content
    assert names_in(tmp_path) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=GARBAGE, is_framed=st.booleans())
async def test_garbage_gives_a_form_or_a_refusal(
    tmp_path: Path, body: bytes, is_framed: bool
) -> None:
    content = body_of(file_part(b"RIFF"), b"--" + BOUNDARY + body) if is_framed else body
    with contextlib.suppress(LoquentError):
        remove((await received(content, tmp_path)).source)
    assert names_in(tmp_path) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rest=st.text())
async def test_any_content_type_gives_a_form_or_a_refusal(tmp_path: Path, rest: str) -> None:
    for content_type in (rest, f"multipart/form-data;{rest}", f"{CONTENT_TYPE}{rest}"):
        with contextlib.suppress(LoquentError):
            form = await received(body_of(file_part(b"RIFF")), tmp_path, content_type=content_type)
            remove(form.source)
    assert names_in(tmp_path) == []


async def test_a_file_of_exactly_the_limit_passes_and_one_byte_more_does_not(
    tmp_path: Path,
) -> None:
    content = b"\0" * LIMITS.max_file_bytes
    assert len(content) == 26_214_400
    with kept(await received(body_of(file_part(content)), tmp_path)) as form:
        assert form.source.path.stat().st_size == form.source.n_bytes == len(content)
    error = await refused(body_of(file_part(content + b"\0")), tmp_path)
    assert isinstance(error, PayloadTooLargeError)
    assert "26214400" in error.message
    assert error.param == "file"


async def test_a_file_that_is_too_large_is_read_little_further(tmp_path: Path) -> None:
    n_sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal n_sent
        yield body_of(file_part(b"")).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        while True:
            n_sent += KIB
            yield b"\0" * KIB

    limits = UploadLimits(max_file_bytes=100 * KIB)
    with pytest.raises(PayloadTooLargeError):
        await receive_form(CONTENT_TYPE, endless(), limits, tmp_path)
    assert n_sent <= limits.max_file_bytes + 64 * KIB
    assert names_in(tmp_path) == []


async def test_a_limit_of_zero_is_none(tmp_path: Path) -> None:
    content = b"\0" * (3 * KIB * KIB)
    limits = UploadLimits(max_file_bytes=0)
    with kept(await received(body_of(file_part(content)), tmp_path, limits)) as form:
        assert form.source.n_bytes == len(content)


async def test_the_rest_of_a_refused_body_can_be_drained(tmp_path: Path) -> None:
    head = body_of(file_part(b"")).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    chunks = pieces([head, b"0123456789", b"rest", b"of it"])
    with pytest.raises(PayloadTooLargeError):
        await receive_form(CONTENT_TYPE, chunks, UploadLimits(max_file_bytes=5), tmp_path)
    assert await drain(chunks) == len(b"restof it")


async def test_a_json_body_is_told_what_to_send(tmp_path: Path) -> None:
    error = await refused(b"{}", tmp_path, content_type="application/json")
    assert isinstance(error, UnsupportedMediaTypeError)
    assert "application/json" in error.message
    assert CURL_EXAMPLE in error.message


@pytest.mark.parametrize("parameters", ["", "; boundary=", '; boundary=""', "; boundary=a\x07b"])
async def test_a_missing_boundary_is_told_how_to_get_one(tmp_path: Path, parameters: str) -> None:
    error = await refused(b"{}", tmp_path, content_type=f"multipart/form-data{parameters}")
    assert not isinstance(error, UnsupportedMediaTypeError)
    assert "boundary" in error.message
    assert CURL_EXAMPLE in error.message


async def test_two_boundaries_are_refused(tmp_path: Path) -> None:
    error = await refused(b"", tmp_path, content_type=f"{CONTENT_TYPE}; Boundary=other")
    assert "two boundaries" in error.message


async def test_a_boundary_that_is_too_long_is_refused(tmp_path: Path) -> None:
    error = await refused(b"", tmp_path, content_type=CONTENT_TYPE + "b" * 300)
    assert "too long" in error.message


WHOLE = body_of(text_part("model", b"whisper-1"), file_part(b"RIFF"))
FORM_DATA = "Content-Disposition: form-data"


@pytest.mark.parametrize(
    ("body", "said", "param"),
    [
        (b"", "cut short", None),
        (WHOLE[:-6], "cut short", None),
        (b'{"model": "whisper-1"}', "not a valid multipart/form-data", None),
        (body_of(text_part("model", b"whisper-1")), "must provide a file", "file"),
        (body_of(file_part(b"RIFF"), file_part(b"RIFF")), "two parts", "file"),
        (body_of(file_part(b"RIFF", name="audio")), "only the part 'file'", "audio"),
        (body_of(text_part("file", b"speech.mp3")), "@ before", "file"),
        (body_of(file_part(b"")), "empty", "file"),
        (body_of(text_part("prompt", b"\xff")), "UTF-8", None),
        (body_of(part("Content-Disposition: attachment", b"")), "Content-Disposition", None),
        (body_of(part(FORM_DATA, b"")), "Content-Disposition", None),
        (body_of(part("X: y", b"")), "Content-Disposition", None),
        (body_of(part("no colon", b"")), "not a valid", None),
        (body_of(part(f'{FORM_DATA}; name="{"n" * 9000}"', b"")), "header size", None),
        (
            body_of(part(f'{FORM_DATA}; name="x"\r\nContent-Transfer-Encoding: base64', b"")),
            "base64",
            "x",
        ),
    ],
)
async def test_a_bad_form_is_refused_saying_why(
    tmp_path: Path, body: bytes, said: str, param: str | None
) -> None:
    error = await refused(body, tmp_path)
    assert said in error.message
    assert error.param == param


async def test_an_empty_file_is_bad_audio(tmp_path: Path) -> None:
    assert isinstance(await refused(body_of(file_part(b"")), tmp_path), InvalidAudioError)


async def test_fields_are_limited_in_number_size_and_sum(tmp_path: Path) -> None:
    limits = UploadLimits(max_fields=3, max_field_bytes=10, max_form_bytes=600)
    for body, said in [
        (body_of(*(text_part("x", b"") for _ in range(4))), "more than 3 text fields"),
        (body_of(text_part("x", b"0" * 11)), "'x' is longer than 10 bytes"),
        (b"\r\n" * 301, "larger than 600 bytes without its recordings"),
    ]:
        assert said in (await refused(body, tmp_path, limits)).message
    fitting = body_of(*(text_part("x", b"0" * 10) for _ in range(3)), file_part(b"0" * 5000))
    with kept(await received(fitting, tmp_path, limits)) as form:
        assert form.fields == (("x", "0" * 10),) * 3


REFERENCE_LIMITS = UploadLimits(
    max_field_bytes=10, max_form_bytes=900, max_known_speakers=2, max_reference_bytes=500
)


@pytest.mark.parametrize(
    "names",
    [
        ["known_speaker_references[]", "known_speaker_references[]"],
        ["known_speaker_references[0]", "known_speaker_references[1]"],
        ["known_speaker_references", "known_speaker_references"],
    ],
)
async def test_recordings_of_known_speakers_have_a_limit_of_their_own(
    tmp_path: Path, names: list[str]
) -> None:
    most = REFERENCE_LIMITS.max_references_bytes
    assert most == 1400
    texts = [b"0" * 1000, b"1" * (most - 1000)]
    parts = [text_part(name, text) for name, text in zip(names, texts, strict=True)]
    with kept(
        await received(body_of(file_part(b"RIFF"), *parts), tmp_path, REFERENCE_LIMITS)
    ) as form:
        assert [text.encode() for _, text in form.fields] == texts
    one_more = body_of(file_part(b"RIFF"), *parts, text_part(names[0], b"2"))
    error = await refused(one_more, tmp_path, REFERENCE_LIMITS)
    assert not isinstance(error, PayloadTooLargeError)
    assert error.param == "known_speaker_references"
    assert "1400 bytes together" in error.message


@pytest.mark.parametrize("name", ["known_speaker_reference", "known_speaker_references_x", "x"])
async def test_no_other_field_may_be_as_long(tmp_path: Path, name: str) -> None:
    body = body_of(file_part(b"RIFF"), text_part(name, b"0" * 11))
    assert "longer than 10 bytes" in (await refused(body, tmp_path, REFERENCE_LIMITS)).message


async def test_recordings_of_known_speakers_leave_the_limit_of_the_rest_alone(
    tmp_path: Path,
) -> None:
    reference = text_part("known_speaker_references[]", b"0" * 1000)
    error = await refused(body_of(b"\r\n" * 450, reference), tmp_path, REFERENCE_LIMITS)
    assert "larger than 900 bytes without its recordings" in error.message


def test_the_limit_of_references_lets_ten_seconds_of_anything_through() -> None:
    ten_seconds = 10 * 48_000 * 2 * 4
    assert ten_seconds <= LIMITS.max_reference_bytes
    as_text = len(base64.encodebytes(bytes(LIMITS.max_reference_bytes)).replace(b"\n", b"\r\n"))
    assert as_text + 256 <= LIMITS.max_references_bytes / LIMITS.max_known_speakers


def test_a_declared_length_counts_the_references() -> None:
    most = LIMITS.max_file_bytes + LIMITS.max_form_bytes + LIMITS.max_references_bytes
    refuse_declared_length(str(most), LIMITS)
    with pytest.raises(PayloadTooLargeError):
        refuse_declared_length(str(most + 1), LIMITS)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('; filename="a b.wav"', "a b.wav"),
        ('; filename="Stra\u00dfe.wav"', "Straße.wav"),
        ("; filename=a", "a"),
        ("\r\nContent-Type: audio/wav", ""),
    ],
)
async def test_the_name_of_the_file_is_kept(tmp_path: Path, disposition: str, name: str) -> None:
    body = body_of(part(f"{FORM_DATA}; name=file{disposition}", b"RIFF"))
    with kept(await received(body, tmp_path)) as form:
        assert form.file_name == name


async def test_a_name_that_is_no_text_hinders_nothing(tmp_path: Path) -> None:
    body = body_of(file_part(b"RIFF")).replace(b"a.wav", b"\xff.wav")
    with kept(await received(body, tmp_path)) as form:
        assert form.file_name == "\ufffd.wav"


async def test_a_file_may_come_without_a_name_or_without_a_type(tmp_path: Path) -> None:
    for headers in ("; filename=a", "\r\nContent-Type: audio/wav"):
        body = body_of(part(f"{FORM_DATA}; name=file{headers}", b"RIFF"))
        with kept(await received(body, tmp_path)) as form:
            assert form.source.n_bytes == 4


async def test_a_cancelled_upload_leaves_no_file(tmp_path: Path) -> None:
    has_begun = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield file_part(b"\0" * (2 * KIB * KIB))
        has_begun.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(receive_form(CONTENT_TYPE, stalling(), LIMITS, tmp_path))
    await has_begun.wait()
    assert [name.startswith(TEMPORARY_PREFIX) for name in names_in(tmp_path)] == [True]
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert names_in(tmp_path) == []


async def test_a_caller_that_hangs_up_leaves_no_file(tmp_path: Path) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield file_part(b"RIFF")
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await receive_form(CONTENT_TYPE, failing(), LIMITS, tmp_path)
    assert names_in(tmp_path) == []


async def test_removing_a_recording_twice_is_harmless(tmp_path: Path) -> None:
    form = await received(WHOLE, tmp_path)
    remove(form.source)
    remove(form.source)
    assert not form.source.path.exists()


@pytest.mark.parametrize("header", ["99999999999", "9" * 5000])
def test_a_declared_length_far_beyond_the_limit_is_refused_at_once(header: str) -> None:
    with pytest.raises(PayloadTooLargeError, match="26214400") as caught:
        refuse_declared_length(header, LIMITS)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("header", [None, "", "26214900", "many", "-1"])
def test_a_declared_length_that_may_fit_passes(header: str | None) -> None:
    refuse_declared_length(header, LIMITS)


def test_any_declared_length_passes_without_a_limit() -> None:
    refuse_declared_length("99999999999", UploadLimits(max_file_bytes=0))


async def test_draining_ends_with_the_body_or_at_a_bound() -> None:
    assert await drain(pieces([b"12", b"345"])) == 5
    assert await drain(pieces([b"12"] * 100), max_bytes=10) == 10


async def test_draining_gives_up_on_a_caller_that_stalls() -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"12"
        await asyncio.Event().wait()

    assert await drain(stalling(), max_s=0.01) == 2


def test_uploads_of_killed_processes_are_swept_and_younger_ones_kept(tmp_path: Path) -> None:
    stale, fresh, foreign = (
        tmp_path / name
        for name in (f"{TEMPORARY_PREFIX}old", f"{TEMPORARY_PREFIX}new", "somebody-else")
    )
    for path in (stale, fresh, foreign):
        path.touch()
    for path in (stale, foreign):
        os.utime(path, (0, 0))
    sweep_stale_uploads(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([fresh, foreign])

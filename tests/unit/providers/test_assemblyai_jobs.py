"""Jobs at AssemblyAI: uploads, polls, failures, and that nothing stays there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import (
    UnsupportedOptionError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamUnavailableError,
)
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.providers.assemblyai.jobs import MAX_LOST_POLLS
from loquent.providers.assemblyai.provider import KIND, AssemblyAiProvider
from loquent.providers.limits import UpstreamLimits
from tests.vendors.assemblyai_vendor import JOB, KEY, UPLOAD_URL, AssemblyAiVendor, heard, word
from tests.vendors.server import serving

RECORDING = b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(range(200))
REQUEST = TranscriptionRequest(model="universal-2", language="en")
ENDPOINT = Endpoint(
    provider="assemblyai",
    model="universal-2",
    upstream_model="universal-2",
    capabilities=frozenset({Capability.TRANSCRIPTION}),
    details=KIND.powers[Capability.TRANSCRIPTION],
    extensions=KIND.extensions[Capability.TRANSCRIPTION],
)
POLL = ("GET", f"/v2/transcript/{JOB}")
DELETE = ("DELETE", f"/v2/transcript/{JOB}")
UPLOAD = ("POST", "/v2/upload")
SUBMIT = ("POST", "/v2/transcript")


class Waits:
    """Passes time at once, and keeps how much."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    async def __call__(self, wait_s: float) -> None:
        self.waited_s.append(wait_s)


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    path = tmp_path / "recording"
    path.write_bytes(RECORDING)
    return AudioSource(path, len(RECORDING))


@asynccontextmanager
async def connected(
    vendor: AssemblyAiVendor, waits: Waits | None = None, key: str = KEY, **quirks: str
) -> AsyncIterator[AssemblyAiProvider]:
    """Yield the provider; behind the block everything it began has ended."""
    async with serving(vendor.app) as url:
        access = ProviderAccess(
            id="assemblyai", kind="assemblyai", base_url=url, api_key=key, quirks=quirks
        )
        provider = AssemblyAiProvider(access, UpstreamLimits(), waits or Waits())
        try:
            yield provider
        finally:
            await provider.close()


async def transcribed(
    provider: AssemblyAiProvider, source: AudioSource
) -> list[Segment | Transcript]:
    return [u async for u in provider.transcriber(ENDPOINT).transcribe(REQUEST, source)]


def calls(vendor: AssemblyAiVendor) -> list[tuple[str, str]]:
    return [(asked.method, asked.path) for asked in vendor.log.asked]


async def test_a_recording_is_uploaded_transcribed_and_removed(source: AudioSource) -> None:
    vendor = AssemblyAiVendor(RECORDING, heard(word("Smoke", 250, 650), word("from", 730, 1022)))
    async with connected(vendor) as provider:
        *segments, transcript = await transcribed(provider, source)
    assert isinstance(transcript, Transcript)
    assert transcript.text == "Smoke from"
    assert list(transcript.segments) == segments
    assert calls(vendor) == [UPLOAD, SUBMIT, POLL, DELETE]
    upload, submit, *_ = vendor.log.asked
    assert upload.headers["authorization"] == KEY
    assert upload.headers["content-type"] == "application/octet-stream"
    assert upload.headers["content-length"] == str(len(RECORDING))
    assert upload.body == RECORDING
    assert submit.json() == {
        "audio_url": UPLOAD_URL,
        "speech_models": ["universal-2"],
        "language_code": "en",
        "punctuate": True,
        "format_text": True,
    }


async def test_polls_are_ever_further_apart_up_to_a_limit(source: AudioSource) -> None:
    vendor, waits = AssemblyAiVendor(RECORDING), Waits()
    vendor.n_polls = 8
    async with connected(vendor, waits) as provider:
        await transcribed(provider, source)
    assert calls(vendor).count(POLL) == 9
    assert waits.waited_s[:4] == [1.0, 1.5, 2.25, 3.375]
    assert waits.waited_s[-2:] == [10.0, 10.0]


async def test_a_transcript_stays_there_only_if_the_operator_says_so(source: AudioSource) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    async with connected(vendor, keep="yes") as provider:
        await transcribed(provider, source)
    assert not vendor.is_deleted


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (
            "File does not appear to contain audio. File type is text/html (HTML document).",
            UpstreamRejectedError,
        ),
        ("Transcoding failed. File may be corrupt.", UpstreamRejectedError),
        ("Audio duration is too short.", UpstreamRejectedError),
        ("Server error, developers have been alerted.", UpstreamError),
        (f"Download error, unable to access file at {UPLOAD_URL}", UpstreamError),
    ],
)
async def test_a_failed_job_says_whose_fault_it_is_and_is_removed(
    source: AudioSource, reason: str, error: type[UpstreamError]
) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.error = reason
    async with connected(vendor, keep="yes") as provider:
        with pytest.raises(UpstreamError) as raised:
            await transcribed(provider, source)
    assert type(raised.value) is error
    assert reason[:12] in raised.value.message
    assert UPLOAD_URL not in raised.value.message
    assert vendor.is_deleted


async def test_a_recording_in_which_nobody_speaks_has_an_empty_transcript(
    source: AudioSource,
) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.error = "language_detection cannot be performed on files with no spoken audio."
    async with connected(vendor) as provider:
        (transcript,) = await transcribed(provider, source)
    assert isinstance(transcript, Transcript)
    assert (transcript.text, transcript.segments) == ("", ())


async def test_a_caller_who_goes_away_leaves_no_job_behind(source: AudioSource) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.n_polls = 1_000_000
    async with connected(vendor) as provider:
        work = asyncio.create_task(transcribed(provider, source))
        await vendor.polled.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert vendor.is_deleted


async def test_a_job_accepted_after_the_caller_went_away_is_removed(source: AudioSource) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.may_answer.clear()
    async with connected(vendor) as provider:
        work = asyncio.create_task(transcribed(provider, source))
        await vendor.submitted.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        vendor.may_answer.set()
    assert calls(vendor) == [UPLOAD, SUBMIT, DELETE]
    assert vendor.is_deleted


async def test_a_job_refused_after_the_caller_went_away_needs_no_removal(
    source: AudioSource,
) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.may_answer.clear()
    vendor.job = "../../secrets"
    async with connected(vendor) as provider:
        work = asyncio.create_task(transcribed(provider, source))
        await vendor.submitted.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        vendor.may_answer.set()
    assert calls(vendor) == [UPLOAD, SUBMIT]


async def test_an_answer_that_cannot_be_read_is_removed_too(source: AudioSource) -> None:
    vendor = AssemblyAiVendor(RECORDING, heard() | {"words": "none"})
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamError, match="cannot be read"):
            await transcribed(provider, source)
    assert vendor.is_deleted


async def test_a_removal_that_fails_is_logged_and_spoils_nothing(
    source: AudioSource, caplog: pytest.LogCaptureFixture
) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.refusals = [None, None, None, (500, {"error": "Server error"})]
    with caplog.at_level(logging.WARNING):
        async with connected(vendor) as provider:
            assert len(await transcribed(provider, source)) == 2
    assert "stays at assemblyai: UpstreamUnavailableError" in caplog.text


async def test_a_few_lost_polls_do_not_lose_the_job(source: AudioSource) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.refusals = [None, None, *[(502, {})] * MAX_LOST_POLLS]
    async with connected(vendor) as provider:
        assert len(await transcribed(provider, source)) == 2


async def test_too_many_lost_polls_in_a_row_end_the_work(source: AudioSource) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.refusals = [None, None, *[(502, {})] * (MAX_LOST_POLLS + 1)]
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamUnavailableError):
            await transcribed(provider, source)
    assert vendor.is_deleted


@pytest.mark.parametrize(
    ("refusals", "error"),
    [
        ([(429, {"error": "Too many requests"})], UpstreamThrottledError),
        ([None, (400, {"error": "Invalid language_code"})], UpstreamRejectedError),
        ([None, (503, {"error": "Service unavailable"})], UpstreamUnavailableError),
        ([None, None, (400, {"error": "Transcript lookup error"})], UpstreamRejectedError),
    ],
)
async def test_refusals_become_errors_of_ours(
    source: AudioSource, refusals: list[tuple[int, Any] | None], error: type[UpstreamError]
) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.refusals = refusals
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamError) as raised:
            await transcribed(provider, source)
    assert type(raised.value) is error


async def test_no_key_is_told(source: AudioSource) -> None:
    wrong = "fedcba9876543210fedcba9876543210"
    vendor = AssemblyAiVendor(RECORDING)
    vendor.error = f"Audio of account {KEY} is broken."
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamRejectedError) as told:
            await transcribed(provider, source)
    async with connected(vendor, key=wrong) as provider:
        with pytest.raises(UpstreamKeyError) as refused:
            await transcribed(provider, source)
    assert KEY not in told.value.message
    assert wrong not in refused.value.message


@pytest.mark.parametrize(
    "address",
    [
        "https://cdn.example.com/upload/1",
        "https://assemblyai.com.example/upload/1",
        "http://cdn.assemblyai.com/upload/1",
        "https://[broken",
        "file:///etc/passwd",
        None,
        7,
    ],
)
async def test_recordings_are_not_looked_for_at_foreign_addresses(
    source: AudioSource, address: Any
) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.upload_url = address
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamError, match="upload_url"):
            await transcribed(provider, source)
    assert calls(vendor) == [UPLOAD]


async def test_recordings_may_lie_in_the_store_of_another_region(source: AudioSource) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.upload_url = "https://cdn.eu.assemblyai.com/upload/1"
    async with connected(vendor) as provider:
        await transcribed(provider, source)
    assert vendor.log.asked[1].json()["audio_url"] == vendor.upload_url


@pytest.mark.parametrize("job", ["../upload", "a/b", "a b", "", "ä", "x\n", None, 7])
async def test_ids_that_are_none_reach_no_path(source: AudioSource, job: Any) -> None:
    vendor = AssemblyAiVendor(RECORDING)
    vendor.job = job
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamError, match="cannot be read"):
            await transcribed(provider, source)
    assert calls(vendor) == [UPLOAD, SUBMIT]


async def test_it_does_not_speak() -> None:
    async with connected(AssemblyAiVendor()) as provider:
        with pytest.raises(UnsupportedOptionError):
            provider.speaker(ENDPOINT)

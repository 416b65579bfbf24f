"""The Python client against a served application: recordings, usage, routes, prices, errors."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import openai
import pytest

from loquent import AiBrary, AsyncAiBrary, AsyncLoquent, Loquent
from loquent.api.app import ApiOptions
from loquent.client import DiarizedTranscript, Receipt, Transcript, VerboseTranscript
from loquent.domain import errors
from loquent.domain.endpoints import Preference
from tests.assets import ROOT
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.fakes.listed_ledger import ROW, ListedLedger
from tests.fakes.scripted_live import ScriptedTranscriber
from tests.wire.conftest import KEY, LiveServer, Serve
from tests.wire.realtime import RealtimeServer, realtime_server

AUDIO = ("speech.wav", b"RIFF" + bytes(2000), "audio/wav")
TEXT = "Hello there. General speech."
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "client.md").read_text(), re.DOTALL)
AIBRARY = ROOT / "tests" / "live" / "examples" / "5-aibrary-transcriptions.python"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOQUENT_API_KEY", "LOQUENT_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client(server: LiveServer) -> Iterator[Loquent]:
    with Loquent(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def with_ledger() -> Iterator[RealtimeServer]:
    with realtime_server(
        ScriptedTranscriber(), ApiOptions(api_key=KEY), ledger=ListedLedger(ROW)
    ) as server:
        yield server


def test_the_environment_says_where_and_with_which_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (str(Loquent().base_url), Loquent().api_key) == ("http://localhost:8000/v1/", "none")
    assert str(AiBrary().base_url) == "http://localhost:8000/v0/"
    monkeypatch.setenv("LOQUENT_API_KEY", "lq_x")
    monkeypatch.setenv("LOQUENT_BASE_URL", "https://speech.example/v1")
    assert (str(Loquent().base_url), Loquent().api_key) == ("https://speech.example/v1/", "lq_x")
    assert str(AsyncAiBrary().base_url) == "https://speech.example/v0/"
    copy = AsyncLoquent(max_retries=7).with_options(timeout=3)
    assert (type(copy), copy.max_retries, copy.timeout) == (AsyncLoquent, 7, 3)


def test_extras_arrive_and_come_back_typed(client: Loquent, server: LiveServer) -> None:
    answer = client.audio.transcriptions.create(
        model="whisper-1",
        file=AUDIO,
        language="en",
        diarise=True,
        num_speakers=2,
        hotwords="Kenobi",
        preference="cost",
        allowed_providers=["local", "groq"],
        eu_native=False,
        allow_quantization=False,
    )
    request = server.transcriber.calls[-1].request
    assert (request.language, request.hotwords) == ("en", "Kenobi")
    assert request.speakers is not None
    assert request.speakers.n_speakers == 2
    assert request.limits.preference is Preference.COST
    assert request.limits.allowed_providers == frozenset({"local", "groq"})
    assert not request.limits.allow_quantization
    assert isinstance(answer, Transcript)
    assert [(s.speaker, s.text.strip()) for s in answer.segments] == [
        ("A", "Hello there."),
        ("B", "General speech."),
    ]
    assert (answer.provider, answer.language) == ("local", "en")
    assert answer._request_id is not None
    assert answer.usage is not None
    assert answer.receipt.model == "fake/tiny"
    assert "receipt" not in answer.model_dump()


def test_the_form_of_an_answer_decides_its_type(client: Loquent) -> None:
    create = client.audio.transcriptions.create
    verbose = create(model="m", file=AUDIO, response_format="verbose_json", diarise=True)
    assert isinstance(verbose, VerboseTranscript)
    assert verbose.segments is not None
    assert verbose.segments[1].speaker == "B"
    diarized = create(model="m", file=AUDIO, response_format="diarized_json")
    assert isinstance(diarized, DiarizedTranscript)
    assert diarized.segments[0].speaker == "A"
    cues = create(model="m", file=AUDIO, response_format="srt", max_line_width=8, max_line_count=1)
    assert cues.count("-->") == 4
    stream = create(model="m", file=AUDIO, stream=True, hotwords="Kenobi")
    assert [event.type for event in stream][-1] == "transcript.text.done"


def test_answers_may_be_had_unread(client: Loquent, server: LiveServer) -> None:
    raw = client.audio.transcriptions.with_raw_response.create(
        model="m", file=AUDIO, extra_body={"hotwords": "Kenobi"}
    )
    assert Receipt.of(raw.headers).model == "fake/tiny"
    assert raw.parse().text == TEXT
    assert server.transcriber.calls[-1].request.hotwords == "Kenobi"


def test_an_idempotency_key_is_sent_as_a_header(client: Loquent, server: LiveServer) -> None:
    with pytest.raises(openai.BadRequestError, match="Idempotency-Key needs the ledger"):
        client.audio.transcriptions.create(model="m", file=AUDIO, idempotency_key="talk-42")


def test_a_receipt_reads_every_header() -> None:
    assert Receipt.of({}) == Receipt()
    receipt = Receipt.of(
        {
            "x-loquent-price": "0.000247 USD",
            "x-loquent-attempts": "near/large=upstream_timeout, far/large=ok",
            "x-loquent-ignored": "languages,x",
            "idempotent-replayed": "true",
        }
    )
    assert (receipt.price, receipt.currency) == (Decimal("0.000247"), "USD")
    assert receipt.attempts == ("near/large=upstream_timeout", "far/large=ok")
    assert (receipt.ignored, receipt.is_replay) == (("languages", "x"), True)


def test_errors_are_those_of_openai(client: Loquent, server: LiveServer, serve: Serve) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").audio.transcriptions.create(model="m", file=AUDIO)
    with pytest.raises(openai.BadRequestError) as raised:
        client.audio.transcriptions.create(
            model="m", file=AUDIO, response_format="srt", max_line_width=0
        )
    assert raised.value.param == "max_line_width"
    with pytest.raises(openai.NotFoundError, match="ledger"):
        client.usage.summary()
    busy = serve(FakeTranscriber([errors.RateLimitError("no", retry_after_s=0.01)]))
    other = Loquent(base_url=f"{busy.url}/v1", api_key=KEY, max_retries=1)
    with other, pytest.raises(openai.RateLimitError):
        other.audio.transcriptions.create(model="m", file=AUDIO)
    assert len(busy.transcriber.calls) == 2


async def test_the_asynchronous_client_does_the_same(server: LiveServer) -> None:
    async with AsyncLoquent(base_url=f"{server.url}/v1", api_key=KEY) as client:
        answer = await client.audio.transcriptions.create(model="m", file=AUDIO, diarise=True)
        assert [segment.speaker for segment in answer.segments] == ["A", "B"]
        stream = await client.audio.transcriptions.create(model="m", file=AUDIO, stream=True)
        assert [event.type async for event in stream][-1] == "transcript.text.done"
        assert (await client.route.explain("whisper-base", preference="speed")).candidates
        await client.pricing(feature="speech_to_text")
        with pytest.raises(openai.BadRequestError):
            await client.audio.transcriptions.create(model="m", file=AUDIO, num_speakers=2)


async def test_usage_is_summed_and_listed(with_ledger: RealtimeServer) -> None:
    url = with_ledger.base_url
    async with AsyncLoquent(base_url=url, api_key=KEY) as other:
        assert (await other.usage.summary(["model"])).data[0].group == {"model": ROW.model}
        assert [row.request_id async for row in other.usage.rows(page_size=1)] == [ROW.request_id]
    with Loquent(base_url=url, api_key=KEY) as client:
        report = await asyncio.to_thread(client.usage.summary, ["day", "model"], since="2026-01-01")
        rows = await asyncio.to_thread(lambda: list(client.usage.rows(model=ROW.model)))
        none = await asyncio.to_thread(lambda: list(client.usage.rows(model="other")))
    assert report.total.requests == 1
    assert isinstance(report.total.price, Decimal)
    assert report.data[0].audio_seconds == rows[0].audio_seconds == Decimal(ROW.audio_ms) / 1000
    assert [row.request_id for row in rows] == [ROW.request_id]
    assert none == []


def test_routes_and_prices_are_typed(client: Loquent) -> None:
    answer = client.route.explain("whisper-base", capability="translation", eu_native=False)
    assert answer.choice == answer.candidates[0].endpoint
    assert isinstance(answer.candidates[0].price, Decimal)
    assert client.pricing(provider="nobody").data == []


def test_aibrary_runs_as_printed_with_its_import_changed(
    server: LiveServer, tmp_path: Path
) -> None:
    (tmp_path / "audio").write_bytes(AUDIO[1])
    program = AIBRARY.read_text().replace("from aibrary", "from loquent")
    program = program.replace("path/to/audio", str(tmp_path / "audio"))
    n_calls = len(server.transcriber.calls)
    _run(program, tmp_path, f"{server.url}/v1")
    assert len(server.transcriber.calls) == n_calls + 1


async def test_aibrary_answers_verbosely_unless_told_otherwise(server: LiveServer) -> None:
    async with AsyncAiBrary(base_url=f"{server.url}/v0", api_key=KEY) as client:
        answer = await client.audio.transcriptions.create(
            model="m", file=AUDIO, timestamp_granularities=["word"]
        )
    assert (answer.text, answer.language, answer.duration) == (TEXT, "english", 2.47)
    assert answer.words is not None
    assert len(answer.segments) == len(answer.words) == 2


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_of_the_page_run(number: int, with_ledger: RealtimeServer, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "talk.wav"), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(16_000)
        recording.writeframes(bytes(32_000))
    assert _run(EXAMPLES[number], tmp_path, with_ledger.base_url).strip()


def _run(program: str, folder: Path, base_url: str) -> str:
    variables = {**os.environ, "LOQUENT_BASE_URL": base_url, "LOQUENT_API_KEY": KEY}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**variables, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_WITHOUT_OPENAI = """
import sys

sys.modules["openai"] = None
import loquent

print(loquent.__version__)
try:
    from loquent import Loquent
except ImportError as error:
    print(error)
try:
    loquent.Nothing
except AttributeError as error:
    print(error)
"""


def test_the_package_is_light_and_tells_what_the_client_needs(tmp_path: Path) -> None:
    told = _run(
        "import sys, loquent; print([n for n in sys.modules if 'openai' in n])", tmp_path, ""
    )
    assert told == "[]\n"
    assert "pip install 'loquent[client]'" in _run(_WITHOUT_OPENAI, tmp_path, "")


_TYPED = """
from decimal import Decimal
from typing import assert_type

from openai import Stream
from openai.types.audio import TranscriptionStreamEvent

from loquent import AsyncLoquent, Loquent
from loquent.client import LiveEvent, Transcript, VerboseTranscript

client = Loquent(timeout=5, max_retries=1)
create = client.audio.transcriptions.create
file = open("a.wav", "rb")
assert_type(create(model="m", file=file, diarise=True).segments[0].speaker, str | None)
assert_type(create(model="m", file=file, response_format="verbose_json"), VerboseTranscript)
assert_type(create(model="m", file=file, response_format="srt", max_cps=17), str)
assert_type(create(model="m", file=file, stream=True), Stream[TranscriptionStreamEvent])
assert_type(create(model="m", file=file).receipt.price, Decimal | None)
with client.audio.transcriptions.live(model="m", eu_native=True) as session:
    for event in session.follow([b""]):
        assert_type(event, LiveEvent)
assert_type(client.usage.summary(["day"]).total.requests, int)
translate = client.audio.translations.create
assert_type(translate(model="m", file=file, keywords=["Kenobi"], eu_native=True), Transcript)
assert_type(translate(model="m", file=file, response_format="verbose_json"), VerboseTranscript)
assert_type(translate(model="m", file=file, response_format="vtt", max_line_width=32), str)
speech = client.audio.speech
assert_type(speech.create(model="m", input="a", model_extensions={"pitch": 60}).content, bytes)
with speech.with_streaming_response.create(model="m", input="a", preference="cost") as streamed:
    assert_type(next(streamed.iter_bytes()), bytes)
assert_type(speech.captions(model="m", input="a", max_cps=17), str)
with client.audio.transcriptions.live(
    model="m", dialect="openai", turn_detection=None
) as by_hand:
    by_hand.commit()


async def main(other: AsyncLoquent) -> None:
    assert_type(await other.audio.transcriptions.create(model="m", file=b""), Transcript)
    async with other.audio.transcriptions.live(model="m") as session:
        async for event in session.follow([b""]):
            assert_type(event, LiveEvent)
        await session.clear()
    assert_type(await other.audio.translations.create(model="m", file=b""), Transcript)
    assert_type(await other.audio.speech.captions(model="m", input="a"), str)
    async with other.audio.speech.with_streaming_response.create(model="m", input="a") as streamed:
        async for part in streamed.iter_bytes():
            assert_type(part, bytes)


create(model="m", file=file, diarize=1)  # error
create(model="m", file=file, preference="cheap")  # error
client.usage.summary(["week"])  # error
create(model="m", response_format="srt")  # error
translate(model="m", file=file, stream=True)  # error
speech.create(model="m", input="a", sample_rate="high")  # error
"""


def test_a_users_program_is_checked_strictly(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = {n for n, line in enumerate(_TYPED.splitlines(), 1) if line.endswith("# error")}
    found = {int(n) for n in re.findall(r"^program\.py:(\d+): error", done.stdout, re.MULTILINE)}
    assert found == wrong, done.stdout

"""LangChain reads recordings as documents, by way of its parser for OpenAI's Whisper."""

from __future__ import annotations

import math
import shutil
import struct
import wave
from pathlib import Path

import pytest

from tests.wire.conftest import KEY, LiveServer

NEEDED = "needs `pip install langchain-community pydub openai`"

pytest.importorskip("pydub", reason=NEEDED)
audio = pytest.importorskip(
    "langchain_community.document_loaders.parsers.audio", reason=NEEDED, exc_type=ImportError
)
blobs = pytest.importorskip("langchain_community.document_loaders.blob_loaders", reason=NEEDED)

pytestmark = [
    pytest.mark.skipif(not shutil.which("ffmpeg"), reason="pydub needs ffmpeg"),
    pytest.mark.filterwarnings("ignore"),  # they are not ours
]


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Write two seconds of a tone."""
    target = tmp_path / "talk.wav"
    tone = (round(9_000 * math.sin(math.tau * 440 * n / 16_000)) for n in range(32_000))
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in tone))
    return target


@pytest.mark.parametrize("response_format", [None, "text", "verbose_json"])
def test_a_recording_becomes_a_document(
    server: LiveServer, talk: Path, response_format: str | None
) -> None:
    parser = audio.OpenAIWhisperParser(
        api_key=KEY, base_url=f"{server.url}/v1", language="en", response_format=response_format
    )
    (document,) = parser.lazy_parse(blobs.Blob.from_path(talk))
    assert document.page_content.strip() == "Hello there. General speech."
    assert document.metadata["chunk"] == 0
    (call,) = server.transcriber.calls
    assert (call.request.model, call.request.language) == ("whisper-1", "en")

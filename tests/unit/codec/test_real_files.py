"""Decodes the recordings of a folder of speech data; skipped where there is none."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

import pytest

from loquent.codec.pool import DecoderPool
from loquent.domain.audio import AudioSource, duration_s
from loquent.domain.errors import InvalidRequestError
from tests.assets import SPEECH_DATA

pytestmark = pytest.mark.skipif(not SPEECH_DATA.is_dir(), reason="no speech data on this machine")


@pytest.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    pool = DecoderPool()
    await pool.start()
    yield pool
    await pool.close()


def sources(subset: str) -> list[tuple[AudioSource, float | None]]:
    listed = (SPEECH_DATA / subset / "refs.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in listed]
    paths = [SPEECH_DATA / subset / row["file"] for row in rows]
    return [
        (AudioSource(path, path.stat().st_size), row["duration_s"])
        for path, row in zip(paths, rows, strict=True)
    ]


async def test_every_codec_decodes_to_its_length(pool: DecoderPool) -> None:
    for source, length_s in sources("codecs"):
        decoded_s = sum([duration_s(window) async for window in pool.decode(source)])
        assert decoded_s == pytest.approx(length_s, abs=0.01), source.path.name


async def test_broken_recordings_end_soon_in_samples_or_in_a_domain_error(
    pool: DecoderPool,
) -> None:
    for source, _ in sources("broken"):
        started_s = time.monotonic()
        try:
            assert [window async for window in pool.decode(source)]
        except InvalidRequestError as error:
            assert error.message  # noqa: PT017  either outcome is right
        assert time.monotonic() - started_s < 5.0, source.path.name

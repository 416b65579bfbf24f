"""What each live dialect asks of its provider, and how it reads what comes back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from loquent.domain.errors import (
    UnsupportedOptionError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
)
from loquent.domain.live import Settled
from loquent.domain.request import SpeechDetection
from loquent.providers import live_session
from tests.unit.providers.live_talk import (
    WIRES,
    asked,
    calling,
    finals,
    starts,
    talked,
    texts,
    transcriber,
)
from tests.vendors.assemblyai_live_vendor import AssemblyAiLiveVendor
from tests.vendors.deepgram_live_vendor import DeepgramLiveVendor
from tests.vendors.live_hearing import pcm16, speech
from tests.vendors.openai_live_vendor import OpenAiLiveVendor
from tests.vendors.server import serving

OPENAI, DEEPGRAM, ASSEMBLYAI = WIRES["openai"], WIRES["deepgram"], WIRES["assemblyai"]
SILENCE_400 = SpeechDetection(threshold=0.4, prefix_padding_ms=200, silence_duration_ms=400)


async def test_openai_is_told_the_terms_in_a_session() -> None:
    vendor = OpenAiLiveVendor()
    request = asked(language="de", prompt="Names", hotwords="Kowalski", detection=SILENCE_400)
    async with calling(OPENAI, vendor, request):
        pass
    (log,) = vendor.sessions
    assert log.query == {"intent": ["transcription"]}
    (update,) = log.messages
    assert update["session"] == {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {
                    "model": "nova-3",
                    "language": "de",
                    "prompt": "Names. Kowalski",
                },
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.4,
                    "prefix_padding_ms": 200,
                    "silence_duration_ms": 400,
                },
            }
        },
    }


async def test_openai_needs_no_key_where_there_is_none() -> None:
    vendor = OpenAiLiveVendor()
    async with serving(vendor.app) as url:
        with pytest.raises(UpstreamKeyError):
            async with transcriber(OPENAI, url, key="").open(asked()):
                pass


async def test_openai_refuses_an_unknown_model_when_it_is_opened() -> None:
    async with serving(OpenAiLiveVendor().app) as url:
        with pytest.raises(UpstreamRejectedError, match="No such model"):
            async with transcriber(OPENAI, url, upstream_model="unknown").open(asked()):
                pass


async def test_openai_tells_deltas_that_stay() -> None:
    async with calling(OPENAI, OpenAiLiveVendor()) as session:
        updates = await talked(session, pcm16(speech("alpha bravo | charlie")))
    settled = {1: "", 2: ""}
    for update in updates:
        if isinstance(update, Settled):
            settled[update.utterance] += update.text
    assert settled == {1: "alpha bravo", 2: "charlie"}


async def test_openai_ends_items_only_by_commits_where_silence_ends_none() -> None:
    vendor = OpenAiLiveVendor()
    async with calling(OPENAI, vendor, asked(ends_by_silence=False)) as session:
        await session.hear(pcm16(speech("alpha | bravo")))
        assert await session.commit() == 1
        await session.hear(pcm16(speech("charlie")))
        assert await session.commit() == 2
        updates = await talked(session, b"")
    assert texts(updates) == ["alpha bravo", "charlie"]
    assert vendor.sessions[0].messages[0]["session"]["audio"]["input"]["turn_detection"] is None
    first, second = finals(updates)
    assert first.start_s == 0.0
    assert first.end_s == pytest.approx(second.start_s, abs=0.01)


async def test_openai_items_that_fail_are_finals_with_an_error() -> None:
    vendor = OpenAiLiveVendor(fails=True)
    async with calling(OPENAI, vendor) as session:
        updates = await talked(session, pcm16(speech("alpha bravo")))
    final = finals(updates)[0]
    assert final.transcript.text == "alpha bravo"
    assert final.error is not None
    assert "Lost" in final.error.message


async def test_deepgram_is_told_the_terms_in_its_address() -> None:
    vendor = DeepgramLiveVendor()
    request = asked(hotwords="Kowalski, Nowak", detection=SILENCE_400)
    async with calling(DEEPGRAM, vendor, request):
        pass
    assert vendor.sessions[0].query == {
        "model": ["nova-3"],
        "encoding": ["linear16"],
        "sample_rate": ["16000"],
        "channels": ["1"],
        "interim_results": ["true"],
        "punctuate": ["true"],
        "smart_format": ["true"],
        "mip_opt_out": ["true"],
        "endpointing": ["400"],
        "vad_events": ["true"],
        "utterance_end_ms": ["1000"],
        "language": ["multi"],
        "keyterm": ["Kowalski", "Nowak"],
    }


async def test_deepgram_joins_final_results_to_utterances() -> None:
    async with calling(DEEPGRAM, DeepgramLiveVendor()) as session:
        updates = await talked(
            session, pcm16(speech("alpha bravo charlie delta echo foxtrot golf"))
        )
    (final,) = finals(updates)
    assert final.transcript.text == "alpha bravo charlie delta echo foxtrot golf"
    assert [word.text for word in final.transcript.words] == final.transcript.text.split()
    ends_s = [word.end_s for word in final.transcript.words]
    assert ends_s == sorted(ends_s)
    assert final.transcript.words[0].probability == 0.99
    assert "".join(u.text for u in updates if isinstance(u, Settled)) == (
        "alpha bravo charlie delta echo foxtrot golf"
    )


async def test_deepgram_is_kept_awake_while_nobody_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_session, "KEEP_ALIVE_S", 0.01)
    vendor = DeepgramLiveVendor()
    async with calling(DEEPGRAM, vendor):
        await asyncio.wait_for(vendor.sessions[0].has_obeyed.wait(), 5)
    assert vendor.sessions[0].messages[0] == {"type": "KeepAlive"}


@pytest.mark.parametrize("answers", [True, False])
async def test_deepgram_ends_utterances_only_by_commits_where_silence_ends_none(
    answers: bool,
) -> None:
    vendor = DeepgramLiveVendor(answers_finalize=answers)
    async with calling(DEEPGRAM, vendor, asked(ends_by_silence=False)) as session:
        await session.hear(pcm16(speech("alpha | bravo charlie")))
        assert await session.commit() == 1
        await session.hear(pcm16(speech("delta")))
        assert await session.commit() == 2
        updates = await talked(session, b"")
    assert texts(updates) == ["alpha bravo charlie", "delta"]
    assert starts(updates) == [1, 2]


async def test_a_commit_of_silence_is_an_empty_utterance() -> None:
    vendor = DeepgramLiveVendor(answers_finalize=False)
    async with calling(DEEPGRAM, vendor) as session:
        await session.hear(bytes(32_000))
        assert await session.commit() == 1
        updates = await talked(session, pcm16(speech("alpha")))
    assert texts(updates) == ["", "alpha"]


async def test_assemblyai_is_told_the_terms_in_its_address() -> None:
    vendor = AssemblyAiLiveVendor()
    request = asked(hotwords="Kowalski, Nowak", detection=SILENCE_400)
    async with calling(ASSEMBLYAI, vendor, request):
        pass
    assert vendor.sessions[0].query == {
        "speech_model": ["nova-3"],
        "sample_rate": ["16000"],
        "encoding": ["pcm_s16le"],
        "format_turns": ["true"],
        "max_turn_silence": ["400"],
        "keyterms_prompt": [json.dumps(["Kowalski", "Nowak"])],
    }


async def test_assemblyai_says_the_last_word_with_punctuation() -> None:
    async with calling(ASSEMBLYAI, AssemblyAiLiveVendor(tells_speech=True)) as session:
        updates = await talked(session, pcm16(speech("alpha bravo | charlie")))
    said = [final.transcript for final in finals(updates)]
    assert [transcript.text for transcript in said] == ["Alpha bravo.", "Charlie."]
    assert [word.text for word in said[0].words] == ["Alpha", "bravo."]
    assert said[0].words[1].start_s == pytest.approx(1.0, abs=0.02)
    assert starts(updates) == [1, 2]


async def test_assemblyai_ends_utterances_by_silence_always() -> None:
    async with serving(AssemblyAiLiveVendor().app) as url:
        with pytest.raises(UnsupportedOptionError, match="by silence"):
            async with transcriber(ASSEMBLYAI, url).open(asked(ends_by_silence=False)):
                pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"error_code": 1008, "error": "Too many concurrent sessions"}, UpstreamThrottledError),
        ({"error_code": 1008, "error": "Unauthorized"}, UpstreamKeyError),
        ({"error_code": 3006, "error": "Invalid"}, UpstreamRejectedError),
    ],
)
async def test_assemblyai_says_why_it_ends_a_session(error: Any, kind: type[Exception]) -> None:
    vendor = AssemblyAiLiveVendor(frames=[json.dumps({"type": "Error", **error})])
    async with calling(ASSEMBLYAI, vendor) as session:
        with pytest.raises(kind):
            await talked(session, pcm16(speech("alpha")))

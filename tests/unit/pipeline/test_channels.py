"""Each channel is heard alone, and what was said is put together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest

from loquent.domain.audio import AudioSource
from loquent.domain.errors import EngineError, InvalidRequestError, MissingChannelError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript, Word, join_text
from loquent.pipeline.channels import channel_by_channel, refuse_single_channel
from tests.fakes.fake_voices import recording

SOURCE = recording()
REQUEST = TranscriptionRequest("any", speakers=SpeakerSearch(channels=Channels.SEPARATE))


def segment(text: str, start_s: float, end_s: float, index: int = 0) -> Segment:
    return Segment(
        id=index,
        start_s=start_s,
        end_s=end_s,
        text=text,
        tokens=(1, 2),
        temperature=0.0,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.01,
        words=(Word(text.strip(), start_s, end_s, 0.9),),
    )


def transcript(
    *segments: Segment, language: str | None = "en", duration_s: float = 60.0
) -> Transcript:
    text = join_text(segments)
    return Transcript(Task.TRANSCRIBE, text, language, duration_s, segments, "fake/one")


@dataclass
class ScriptedChannels:
    """Transcribes channels as was written down.

    Attributes:
        transcripts: of each channel; an error is raised behind the first segment.
        asked: requests, in order.
        n_closed: transcriptions that ended.
    """

    transcripts: Sequence[Transcript | Exception]
    asked: list[TranscriptionRequest] = field(default_factory=list)
    n_closed: int = 0

    async def __call__(
        self, request: TranscriptionRequest, source: AudioSource, channel: int
    ) -> AsyncGenerator[Segment | Transcript]:
        assert source is SOURCE
        assert channel == (1, 0, 2, 3, 4)[len(self.asked)]
        self.asked.append(request)
        try:
            if channel >= len(self.transcripts):
                raise MissingChannelError("There is none.")
            told = self.transcripts[channel]
            if isinstance(told, Exception):
                yield segment(" lost", 0, 1)
                raise told
            for each in told.segments:
                yield each
            yield told
        finally:
            self.n_closed += 1


async def collected(
    channels: ScriptedChannels, request: TranscriptionRequest = REQUEST
) -> tuple[list[Segment], Transcript]:
    async with aclosing(channel_by_channel(channels.__call__, request, SOURCE)) as updates:
        *seen, last = [update async for update in updates]
    assert isinstance(last, Transcript)
    segments = [update for update in seen if isinstance(update, Segment)]
    assert len(segments) == len(seen)
    return segments, last


CALL = [
    transcript(segment(" Yes?", 3, 4), segment(" It is me.", 8, 9, 1), duration_s=20.0),
    transcript(segment(" Hello!", 1, 2), segment(" Who is it?", 5, 8.5, 1), duration_s=21.0),
]


async def test_what_is_said_is_sorted_by_time_whoever_says_it() -> None:
    segments, whole = await collected(ScriptedChannels(CALL))
    assert [each.text for each in segments] == [" Hello!", " Yes?", " Who is it?", " It is me."]
    assert [each.id for each in segments] == [0, 1, 2, 3]
    assert whole.segments == tuple(segments)
    assert whole.text == "Hello! Yes? Who is it? It is me."
    assert whole.duration_s == 21.0


async def test_speakers_are_named_in_the_order_in_which_they_begin() -> None:
    segments, _whole = await collected(ScriptedChannels(CALL))
    assert [each.speaker for each in segments] == ["A", "B", "A", "B"]
    assert [word.speaker for each in segments for word in each.words] == ["A", "B", "A", "B"]


async def test_who_begin_at_once_are_named_and_told_in_the_order_of_their_channels() -> None:
    both = [transcript(segment(" one", 1, 2)), transcript(segment(" two", 1, 3))]
    segments, _whole = await collected(ScriptedChannels(both))
    assert [(each.speaker, each.text) for each in segments] == [("A", " one"), ("B", " two")]


async def test_each_channel_is_transcribed_as_any_recording_of_one_speaker() -> None:
    channels = ScriptedChannels(CALL)
    request = replace(REQUEST, language="de", prompt="a", word_timestamps=True)
    await collected(channels, request)
    assert channels.asked == [replace(request, speakers=None)] * 3
    assert channels.n_closed == 3


async def test_a_silent_channel_says_nothing_and_takes_no_letter_from_others() -> None:
    silent = transcript(language=None)
    segments, whole = await collected(ScriptedChannels([silent, CALL[0], silent, CALL[1]]))
    assert [each.speaker for each in segments] == ["A", "B", "A", "B"]
    assert whole.language == "en"


async def test_where_nobody_speaks_the_transcript_is_empty() -> None:
    silent = transcript(language=None, duration_s=4.0)
    segments, whole = await collected(ScriptedChannels([silent, silent]))
    assert (segments, whole.text, whole.segments) == ([], "", ())
    assert (whole.language, whole.duration_s) == (None, 4.0)


async def test_the_language_is_that_of_who_says_most() -> None:
    spoken = [transcript(segment(" oui", 0, 1), language="fr"), replace(CALL[0], language="de")]
    _segments, whole = await collected(ScriptedChannels(spoken))
    assert whole.language == "de"


@pytest.mark.parametrize("transcripts", [[], CALL[:1]])
async def test_one_channel_cannot_be_told_apart(transcripts: list[Transcript]) -> None:
    channels = ScriptedChannels(transcripts)
    with pytest.raises(InvalidRequestError, match="several channels") as raised:
        await collected(channels)
    assert raised.value.param == "channels"
    assert channels.n_closed == len(channels.asked)


def test_two_channels_are_enough() -> None:
    refuse_single_channel(2)
    refuse_single_channel(8)


async def test_an_error_at_any_channel_reaches_the_caller() -> None:
    broken = EngineError("broken")
    channels = ScriptedChannels([CALL[0], broken, CALL[1]])
    with pytest.raises(EngineError) as raised:
        await collected(channels)
    assert raised.value is broken
    assert channels.n_closed == len(channels.asked) == 1


async def test_who_stops_listening_leaves_nothing_open() -> None:
    channels = ScriptedChannels(CALL)
    async with aclosing(channel_by_channel(channels.__call__, REQUEST, SOURCE)) as updates:
        await anext(updates)
    assert channels.n_closed == len(channels.asked)

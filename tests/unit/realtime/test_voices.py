"""What is heard of voices is kept for the final it belongs to, and no longer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from loquent.domain.audio import Samples, duration_s
from loquent.domain.live import Final
from loquent.pipeline.rolling_audio import RollingAudio
from loquent.ports import WINDOW_S
from loquent.realtime import voices
from loquent.realtime.commands import Effort, Recognise
from loquent.realtime.voices import SpeakerWatch
from tests.fakes.fake_live_recognizer import sentence
from tests.fakes.fake_voices import VOICES_MODEL, FakeAnalyst
from tests.fakes.scripted_live import final
from tests.unit.realtime.stage import CAST

ANN, BEN = sentence("one", "two", "three", "four"), sentence("six", "seven", "eight", "nine")


def job(start_s: float, end_s: float, effort: Effort = Effort.FINAL) -> Recognise:
    return Recognise(1, effort, start_s, end_s, start_s, "", "", None)


async def watch(analyst: FakeAnalyst | None = None) -> SpeakerWatch:
    """Return one that is on."""
    watch = SpeakerWatch(partial((analyst or FakeAnalyst(CAST)).analyst, VOICES_MODEL))
    await watch.switch(is_on=True)
    return watch


def sound(samples: Samples, before_s: float = 0.0) -> RollingAudio:
    """Return samples that came in after so much else, which is gone."""
    audio = RollingAudio()
    for piece in (sentence(*["ten"] * round(before_s / 0.4)), samples):
        audio.append(piece)
    audio.release_before(before_s)
    return audio


async def hear(on: SpeakerWatch, samples: Samples, start_s: float) -> None:
    """Have a stretch heard."""
    work = job(start_s, start_s + duration_s(samples))
    await on.hear(work, on.windows(work, sound(samples, start_s)), due_s=0.0)


def said(start_s: float, end_s: float) -> Final:
    return replace(final(1, "Ever tried."), start_s=start_s, end_s=end_s)


@pytest.mark.parametrize(
    ("length_s", "n_windows"), [(0.4, 1), (WINDOW_S, 1), (10.4, 2), (15.2, 2), (20.4, 3)]
)
async def test_windows_cover_the_stretch_and_none_is_too_long(
    length_s: float, n_windows: int
) -> None:
    on = await watch()
    talk = sentence(*["one"] * round(length_s / 0.4))
    windows = on.windows(job(4.0, 4.0 + length_s), sound(talk, 4.0))
    assert len(windows) == n_windows
    at_s = 4.0
    for window in windows:
        assert window.start_s == pytest.approx(at_s)
        assert duration_s(window.samples) <= WINDOW_S
        at_s += duration_s(window.samples)
    assert at_s == pytest.approx(4.0 + length_s)


async def test_no_voices_are_heard_in_drafts_or_where_nobody_wants_to_know() -> None:
    on, audio = await watch(), sound(ANN)
    assert on.windows(job(0.0, 1.6, Effort.DRAFT), audio) == []
    windows = on.windows(job(0.0, 1.6), audio)
    await on.switch(is_on=False)
    assert on.windows(job(0.0, 1.6), audio) == []
    await on.hear(job(0.0, 1.6), windows, due_s=0.0)
    await on.switch(is_on=True)
    assert on.named(said(0.0, 1.6)).speaker is None


async def test_the_model_is_brought_once() -> None:
    analyst = FakeAnalyst(CAST)
    on = await watch(analyst)
    await on.switch(is_on=True)
    assert analyst.asked_for == [VOICES_MODEL]


@pytest.mark.parametrize("is_late", [False, True])
async def test_of_a_stretch_counts_what_was_heard_of_most_of_it(*, is_late: bool) -> None:
    on = await watch()
    less, all_of_it = BEN, sentence("one", "two", "three", "four", "five")
    for samples in (all_of_it, less) if is_late else (less, all_of_it):
        await hear(on, samples, 0.0)
    assert on.named(said(0.0, 2.0)).speaker == "A"
    await hear(on, BEN, 4.0)
    assert on.named(said(4.0, 5.6)).speaker == "B"


async def test_each_final_is_named_by_its_own_stretches() -> None:
    on = await watch()
    for start_s, samples in ((0.0, ANN), (2.0, BEN), (4.0, ANN)):
        await hear(on, samples, start_s)
    finals = (said(0.0, 1.6), said(2.0, 3.6), said(4.0, 5.6))
    assert [on.named(final).speaker for final in finals] == ["A", "B", "A"]


async def test_what_no_final_came_of_is_forgotten() -> None:
    on = await watch()
    await hear(on, BEN, 0.0)
    assert on.named(said(2.0, 3.6)).speaker is None
    await hear(on, ANN, 4.0)
    assert on.named(said(4.0, 5.6)).speaker == "A"


async def test_of_an_endless_utterance_the_newest_stretches_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(voices, "MAX_STRETCHES", 5)
    on = await watch()
    await hear(on, BEN, 0.0)
    work, windows = job(0.0, 1.6), on.windows(job(0.0, 1.6), sound(ANN))
    for number in range(1, 6):
        at_s = 2.0 * number
        later = replace(work, start_s=at_s, end_s=at_s + 1.6)
        await on.hear(later, [replace(windows[0], start_s=at_s)], due_s=0.0)
    named = on.named(said(0.0, 12.0))
    assert {segment.speaker for segment in named.transcript.segments} == {"A"}
    await hear(on, BEN, 12.0)
    assert on.named(said(12.0, 13.6)).speaker == "B"


async def test_an_utterance_is_of_who_says_its_words_however_long_others_are_heard() -> None:
    on = await watch()
    await hear(on, ANN, 0.0)
    await hear(on, sentence("six", "seven", "eight", "nine", "ten"), 2.0)
    named = on.named(said(0.0, 4.0))
    assert [segment.speaker for segment in named.transcript.segments] == ["A"]
    assert named.speaker == "A"

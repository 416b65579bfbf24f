"""What is told of an utterance, once there is something new; decides nothing about when."""

from __future__ import annotations

from loquent.domain.live import Final, Partial, Settled
from loquent.domain.transcript import Task, Transcript
from loquent.realtime.utterance import Utterance


def settled_news(utterance: Utterance) -> Settled | None:
    """Return what is newly settled: of a stretch, once those before it are final."""
    news = ""
    for stretch in utterance.stretches:
        news += stretch.agreement.tell()
        if not stretch.is_final:
            break
    return Settled(utterance.number, news) if news else None


def partial_news(utterance: Utterance) -> Partial | None:
    """Return what an utterance seems to say, if that has changed since it was last shown."""
    if not utterance.show():
        return None
    words = utterance.words
    end_s = max((word.end_s for word in words), default=utterance.start_s)
    return Partial(utterance.number, utterance.start_s, end_s, utterance.text, words)


def final_of(utterance: Utterance, *, language: str | None, model_id: str) -> Final:
    """Return what an utterance says, that has ended and is recognised."""
    assert utterance.end_s is not None
    if utterance.shown:
        utterance.show()
    transcript = Transcript(
        task=Task.TRANSCRIBE,
        text=utterance.text,
        language=utterance.language or language,
        duration_s=utterance.end_s - utterance.start_s,
        segments=utterance.segments,
        model=model_id,
    )
    return Final(
        utterance=utterance.number,
        start_s=utterance.start_s,
        end_s=utterance.end_s,
        transcript=transcript,
        n_shown=utterance.n_shown,
        n_changed=utterance.n_changed,
        error=utterance.error,
    )

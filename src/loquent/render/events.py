"""Writes the bodies of the events of a streamed answer; knows nothing of how they are framed."""

from __future__ import annotations

from collections.abc import Iterator

from loquent.domain.transcript import Segment, Transcript
from loquent.render import payload
from loquent.render.options import Granularity, UsageForm
from loquent.render.verbose_json import timed_lists


class TranscriptEvents:
    """The events of one streamed answer, in order: any number of deltas, segments, one done.

    The deltas joined are the text of done, which has no white space at either end. As no delta
    knows whether it is the last, white space at its end waits for the next one.

    Args:
        logprobs: whether events list the log probability of every token.
        speakers: whether segments are told, once it is known who speaks in each.
        granularities: the lists of times that done has.
        usage_form: how done states consumption; typed clients know only the form in tokens.
    """

    def __init__(
        self,
        *,
        logprobs: bool,
        speakers: bool = False,
        granularities: frozenset[Granularity] = frozenset(),
        usage_form: UsageForm = UsageForm.TOKENS,
    ) -> None:
        self._logprobs = logprobs
        self._speakers = speakers
        self._granularities = granularities
        self._usage_form = usage_form
        self._deltas: list[str] = []
        self._held_space = ""

    def delta(self, segment: Segment) -> bytes | None:
        """Write the `transcript.text.delta` of `segment`, or nothing where it has no text."""
        text = self._held_space + segment.text
        if not self._deltas:
            text = text.lstrip()
        shown = text.rstrip()
        self._held_space = text[len(shown) :]
        if not shown:
            return None
        self._deltas.append(shown)
        body: payload.JsonObject = {"type": "transcript.text.delta", "delta": shown}
        if self._logprobs:
            body["logprobs"] = payload.logprobs(segment.token_scores)
        return payload.encode(body)

    def segments(self, transcript: Transcript) -> Iterator[bytes]:
        """Write a `transcript.text.segment` for each segment, where speakers are told."""
        if self._speakers:
            yield from map(payload.encode, payload.diarized_segments(transcript.segments))

    def done(self, transcript: Transcript) -> bytes:
        """Write the `transcript.text.done` that ends the answer."""
        body: payload.JsonObject = {
            "type": "transcript.text.done",
            "text": "".join(self._deltas),
        }
        if self._logprobs:
            body["logprobs"] = payload.logprobs(transcript.token_scores)
        if transcript.language:
            body["languages"] = [{"code": transcript.language}]
        body |= timed_lists(transcript, self._granularities)
        body["usage"] = payload.usage(transcript, self._usage_form)
        return payload.encode(body)

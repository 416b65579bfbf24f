"""Reads batches of speech with Whisper: tight context first, a ladder of repairs for what fails."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from loquent.domain.audio import duration_s
from loquent.domain.errors import EngineError
from loquent.domain.transcript import Segment
from loquent.engines.batch import Utterance, Width
from loquent.engines.whisper.alignment import TokenTimes
from loquent.engines.whisper.context import MAX_CONTEXT_S, needs_full_context, tight_context_s
from loquent.engines.whisper.drafting import read_drafts
from loquent.engines.whisper.grouping import grouped
from loquent.engines.whisper.hypothesis import (
    Hypothesis,
    least_bad,
    repeats_itself,
    temperature_ladder,
)
from loquent.engines.whisper.network import Encoded, NetworkOptions, Search, WhisperNetwork
from loquent.engines.whisper.reading import Reading, segments_of, spoken
from loquent.engines.whisper.timestamps import TextSpan
from loquent.engines.whisper.vocabulary import Vocabularies, Vocabulary
from loquent.ports import Recognition

MAX_DOUBLED_BYTES = 1_000_000_000
"""Larger weights are held once, and every batch is a wide one."""


class BatchReader:
    """Loaded weights that read batches; safe to use from `n_workers` threads.

    Attributes:
        n_workers: narrow batches that run side by side.

    Raises: ModelLoadError.
    """

    def __init__(self, folder: Path, options: NetworkOptions) -> None:
        self._options = options
        n_cores = options.n_threads or os.cpu_count() or 1
        wide = WhisperNetwork(folder, options, n_workers=1, n_threads=n_cores)
        self._vocabularies = Vocabularies(folder, is_multilingual=wide.is_multilingual)
        self._networks = {Width.WIDE: wide, Width.NARROW: wide}
        self.n_workers = 1
        if n_cores > 1 and options.device == "cpu" and _n_bytes(folder) <= MAX_DOUBLED_BYTES:
            self.n_workers = n_cores
            self._networks[Width.NARROW] = WhisperNetwork(
                folder, options, n_workers=n_cores, n_threads=1
            )

    def read(self, batch: Sequence[Utterance], width: Width) -> list[Recognition]:
        """Recognise utterances of one `batch_key`; the answers stand in their order.

        Raises: EngineError.
        """
        network = self._networks[width]
        try:
            if batch[0].options.is_draft:
                is_exact = self._options.is_exact
                return read_drafts(network, self._vocabularies, batch, is_exact=is_exact)
            return self._read(network, batch)
        except RuntimeError as exc:
            raise EngineError("The model failed at this recording.") from exc

    def _read(self, network: WhisperNetwork, batch: Sequence[Utterance]) -> list[Recognition]:
        readings = [Reading(utterance, utterance.options.language) for utterance in batch]
        while unread := [reading for reading in readings if not reading.is_over]:
            self._advance(network, unread)
        return [reading.recognition() for reading in readings]

    def _advance(self, network: WhisperNetwork, readings: list[Reading]) -> None:
        """Read one window of each utterance."""
        encoded = self._encoded(network, readings)
        languages = network.languages([reading.language for reading in readings], encoded)
        for reading, language in zip(readings, languages, strict=True):
            reading.language = language
        looks = [self._repaired(network, look) for look in self._looks(network, readings, encoded)]
        _align(network, [look for look in looks if look.is_annotated])
        for look in looks:
            look.reading.take(look.segments(), look.heard_s)

    def _encoded(self, network: WhisperNetwork, readings: list[Reading]) -> Encoded:
        windows = [reading.window for reading in readings]
        context_s = tight_context_s(max(map(duration_s, windows)))
        if self._options.is_exact:
            context_s = MAX_CONTEXT_S
        return network.encode(windows, context_s=context_s)

    def _looks(
        self, network: WhisperNetwork, readings: list[Reading], encoded: Encoded
    ) -> list[_Look]:
        """Decode all windows, those with prompts of one length at once."""
        vocabularies = [self._vocabulary(reading) for reading in readings]
        prompts = [
            vocabulary.prompt(reading.options.prompt, reading.options.hotwords)
            for vocabulary, reading in zip(vocabularies, readings, strict=True)
        ]
        looks: list[_Look] = []
        for rows in grouped(range(len(readings)), lambda row: len(prompts[row])):
            part = encoded.rows(rows)
            search = self._search(readings[rows[0]])
            said = [
                vocabularies[r].said_before(readings[r].known, readings[r].known_s) for r in rows
            ]
            hypotheses = network.decode(
                part, [prompts[r] for r in rows], vocabularies[0], search, said
            )
            looks += [
                _Look(
                    readings[row],
                    vocabularies[row],
                    prompts[row],
                    part,
                    place,
                    _behind(hypothesis, said[place], vocabularies[row]),
                    vocabularies[row].text_tokens(said[place]),
                )
                for place, (row, hypothesis) in enumerate(zip(rows, hypotheses, strict=True))
            ]
        return looks

    def _repaired(self, network: WhisperNetwork, look: _Look) -> _Look:
        """Decode again, in full context and up the ladder, what does not look like speech."""
        last_time_s = look.vocabulary.last_time_s(look.hypothesis.tokens)
        is_odd = needs_full_context(
            look.hypothesis, speech_s=look.window_s, last_time_s=last_time_s
        )
        if not is_odd and not look.is_misled:
            return look
        look.reading.n_repairs += 1
        if look.reading.known:
            return self._repaired_alone(network, look.reading)
        encoded = network.encode([look.reading.window], context_s=MAX_CONTEXT_S)
        search = self._search(look.reading)
        tried: list[Hypothesis] = []
        for temperature in temperature_ladder(search.temperature):
            hotter = search.at(temperature)
            tried += network.decode(encoded, [look.prompt], look.vocabulary, hotter)
            if tried[-1].is_credible:
                return replace(look, encoded=encoded, row=0, hypothesis=tried[-1])
        return replace(look, encoded=encoded, row=0, hypothesis=least_bad(tried))

    def _repaired_alone(self, network: WhisperNetwork, reading: Reading) -> _Look:
        """Look again at a window that what is known did not help to understand."""
        reading.forget_known()
        (look,) = self._looks(network, [reading], self._encoded(network, [reading]))
        return self._repaired(network, look)

    def _vocabulary(self, reading: Reading) -> Vocabulary:
        assert reading.language is not None
        vocabulary = self._vocabularies.of(reading.options.task, reading.language)
        options = reading.options
        reading.n_prompt_tokens = vocabulary.n_prompt_tokens(options.prompt, options.hotwords)
        return vocabulary

    def _search(self, reading: Reading) -> Search:
        options = reading.options
        return Search(
            options.temperature,
            options.beam_size or self._options.beam_size,
            options.best_of or self._options.best_of,
        )


@dataclass(eq=False)
class _Look:
    """One window of a reading: where its encoding stands, and what was heard in it."""

    reading: Reading
    vocabulary: Vocabulary
    prompt: list[int]
    encoded: Encoded
    row: int
    hypothesis: Hypothesis
    known_tokens: list[int] = field(default_factory=list)
    times: TokenTimes | None = field(default=None, init=False)

    @property
    def window_s(self) -> float:
        return self.encoded.windows_s[self.row]

    @property
    def spans(self) -> list[TextSpan]:
        return spoken(self.hypothesis, self.vocabulary, self.window_s)[0]

    @property
    def heard_s(self) -> float:
        return spoken(self.hypothesis, self.vocabulary, self.window_s)[1]

    @property
    def text_tokens(self) -> list[int]:
        return [t for span in self.spans for t in self.vocabulary.text_tokens(span.tokens)]

    @property
    def is_misled(self) -> bool:
        """What is known seems to have kept the model from hearing anything new."""
        tokens = self.text_tokens
        return bool(self.known_tokens) and (not tokens or repeats_itself(tokens))

    @property
    def is_annotated(self) -> bool:
        options = self.reading.options
        return (options.word_timestamps or options.token_scores) and bool(self.text_tokens)

    def segments(self) -> list[Segment]:
        return segments_of(
            self.spans, self.hypothesis, self.vocabulary, self.reading.options, self.times
        )


def _behind(hypothesis: Hypothesis, said: Sequence[int], vocabulary: Vocabulary) -> Hypothesis:
    """Return the part of a hypothesis that follows on what was said, from its first timestamp."""
    if not said:
        return hypothesis
    tokens = hypothesis.tokens[len(said) - 1 :]
    return replace(hypothesis, tokens=tokens, text=vocabulary.text(tokens).strip())


def _align(network: WhisperNetwork, looks: list[_Look]) -> None:
    """Time the tokens of all looks, those that share an encoding and a vocabulary at once."""
    for group in grouped(looks, lambda look: (id(look.encoded), id(look.vocabulary))):
        first = group[0]
        encoded = first.encoded.rows([look.row for look in group])
        texts = [look.known_tokens + look.text_tokens for look in group]
        aligned = network.align(encoded, first.vocabulary, texts)
        for look, text, times in zip(group, texts, aligned, strict=True):
            look.times = times.slice(len(look.known_tokens), len(text))


def _n_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())

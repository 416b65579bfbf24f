"""Reads batches of speech with Whisper: tight context first, a ladder of repairs for what fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from loquent.domain.audio import duration_s
from loquent.domain.errors import EngineError
from loquent.domain.transcript import Segment
from loquent.engines.batch import Utterance, Width
from loquent.engines.whisper.alignment import TokenTimes
from loquent.engines.whisper.context import MAX_CONTEXT_S, needs_full_context, tight_context_s
from loquent.engines.whisper.hypothesis import Hypothesis, least_bad, temperature_ladder
from loquent.engines.whisper.network import Encoded, NetworkOptions, Search, WhisperNetwork
from loquent.engines.whisper.reading import Reading, segments_of, spoken
from loquent.engines.whisper.timestamps import TextSpan
from loquent.engines.whisper.vocabulary import Vocabularies, Vocabulary
from loquent.ports import Recognition

MAX_DOUBLED_BYTES = 1_000_000_000
"""Larger weights are held once, and every batch is a wide one."""

ONLY_LANGUAGE = "en"
"""What weights without language tokens understand."""

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


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
        readings = [Reading(utterance, utterance.options.language) for utterance in batch]
        try:
            while unread := [reading for reading in readings if not reading.is_over]:
                self._advance(self._networks[width], unread)
        except RuntimeError as exc:
            raise EngineError("The model failed at this recording.") from exc
        return [reading.recognition() for reading in readings]

    def _advance(self, network: WhisperNetwork, readings: list[Reading]) -> None:
        """Read one window of each utterance."""
        encoded = self._encoded(network, readings)
        self._detect_languages(network, readings, encoded)
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

    def _detect_languages(
        self, network: WhisperNetwork, readings: list[Reading], encoded: Encoded
    ) -> None:
        rows = [row for row, reading in enumerate(readings) if reading.language is None]
        if not rows:
            return
        languages = [ONLY_LANGUAGE] * len(rows)
        if network.is_multilingual:
            languages = network.detect_languages(encoded.rows(rows))
        for row, language in zip(rows, languages, strict=True):
            readings[row].language = language

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
            hypotheses = network.decode(part, [prompts[r] for r in rows], vocabularies[0], search)
            looks += [
                _Look(readings[row], vocabularies[row], prompts[row], part, place, hypothesis)
                for place, (row, hypothesis) in enumerate(zip(rows, hypotheses, strict=True))
            ]
        return looks

    def _repaired(self, network: WhisperNetwork, look: _Look) -> _Look:
        """Decode again, in full context and up the ladder, what does not look like speech."""
        last_time_s = look.vocabulary.last_time_s(look.hypothesis.tokens)
        if not needs_full_context(look.hypothesis, speech_s=look.window_s, last_time_s=last_time_s):
            return look
        look.reading.n_repairs += 1
        encoded = network.encode([look.reading.window], context_s=MAX_CONTEXT_S)
        search = self._search(look.reading)
        tried: list[Hypothesis] = []
        for temperature in temperature_ladder(search.temperature):
            hotter = search.at(temperature)
            tried += network.decode(encoded, [look.prompt], look.vocabulary, hotter)
            if tried[-1].is_credible:
                return replace(look, encoded=encoded, row=0, hypothesis=tried[-1])
        return replace(look, encoded=encoded, row=0, hypothesis=least_bad(tried))

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
    def is_annotated(self) -> bool:
        options = self.reading.options
        return (options.word_timestamps or options.token_scores) and bool(self.text_tokens)

    def segments(self) -> list[Segment]:
        return segments_of(
            self.spans, self.hypothesis, self.vocabulary, self.reading.options, self.times
        )


def _align(network: WhisperNetwork, looks: list[_Look]) -> None:
    """Time the tokens of all looks, those that share an encoding and a vocabulary at once."""
    for group in grouped(looks, lambda look: (id(look.encoded), id(look.vocabulary))):
        first = group[0]
        encoded = first.encoded.rows([look.row for look in group])
        aligned = network.align(encoded, first.vocabulary, [look.text_tokens for look in group])
        for look, times in zip(group, aligned, strict=True):
            look.times = times


def grouped(items: Iterable[T], key: Callable[[T], K]) -> list[list[T]]:
    """Collect items of equal keys, in the order of their first appearance."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _n_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())

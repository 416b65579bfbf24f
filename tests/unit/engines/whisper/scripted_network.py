"""A network that says what a test has written down, and utterances to ask it about."""

from __future__ import annotations

from collections.abc import Sequence

import ctranslate2
import numpy as np

from loquent.domain.audio import Samples, duration_s
from loquent.domain.transcript import Task
from loquent.engines.batch import Utterance
from loquent.engines.whisper.alignment import TokenTimes
from loquent.engines.whisper.hypothesis import Hypothesis
from loquent.engines.whisper.network import Encoded, Search, WhisperNetwork
from loquent.engines.whisper.vocabulary import Vocabulary
from loquent.ports import Recognition, RecognitionOptions
from tests.fakes.fake_speech import silence

TOKEN_S = 0.1
"""How long each token takes to say."""


class ScriptedNetwork(WhisperNetwork):
    """Says of each window what a test wrote down, and remembers how it was asked.

    Attributes:
        texts: what is said of each utterance of the batch.
    """

    def __init__(
        self, texts: Sequence[str], *, avg_logprob: float = -0.2, no_speech_prob: float = 0.01
    ) -> None:
        self.texts = texts
        self.avg_logprob = avg_logprob
        self.no_speech_prob = no_speech_prob
        self.contexts_s: list[float] = []
        self.prompts: list[list[list[int]]] = []
        self.beginnings: list[list[list[int]]] = []
        self.searches: list[Search] = []
        self.n_aligned: list[int] = []

    def encode(self, windows: Sequence[Samples], *, context_s: float) -> Encoded:
        self.contexts_s.append(context_s)
        places = np.arange(len(windows), dtype=np.float32).reshape(-1, 1, 1)
        return Encoded(ctranslate2.StorageView.from_array(places), tuple(map(duration_s, windows)))

    def languages(self, known: Sequence[str | None], encoded: Encoded) -> list[str]:
        return [language or "zh" for language in known]

    def decode(
        self,
        encoded: Encoded,
        prompts: Sequence[Sequence[int]],
        vocabulary: Vocabulary,
        search: Search,
        beginnings: Sequence[Sequence[int]] = (),
    ) -> list[Hypothesis]:
        self.prompts.append([list(prompt) for prompt in prompts])
        self.beginnings.append([list(beginning) for beginning in beginnings])
        self.searches.append(search)
        return [self._said(self.texts[place], vocabulary) for place in _places(encoded)]

    def align(
        self, encoded: Encoded, vocabulary: Vocabulary, texts: Sequence[Sequence[int]]
    ) -> list[TokenTimes]:
        self.n_aligned.append(len(texts))
        return [
            TokenTimes(tuple(TOKEN_S * i for i in range(len(text) + 1)), (0.5,) * len(text))
            for text in texts
        ]

    def _said(self, text: str, vocabulary: Vocabulary) -> Hypothesis:
        tokens = (*vocabulary.beginning(text), vocabulary.end_of_text)
        return Hypothesis(tokens, text.strip(), self.avg_logprob, self.no_speech_prob, 0.0)


def _places(encoded: Encoded) -> list[int]:
    return [int(place) for place in np.asarray(encoded.output).reshape(-1)]


def asked(
    speech_s: float = 2.0,
    *,
    language: str | None = "en",
    prompt: str = "",
    prefix: str = "",
) -> Utterance:
    """Return an utterance to be guessed at, word by word."""
    options = RecognitionOptions(
        Task.TRANSCRIBE,
        language,
        prompt=prompt,
        word_timestamps=True,
        is_draft=True,
        prefix=prefix,
    )
    return Utterance(silence(speech_s), options)


def text_of(recognition: Recognition) -> str:
    return "".join(segment.text for segment in recognition.segments)

"""The neural network itself: mel features, encoder, decoder and aligner on CTranslate2."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.domain.errors import ModelLoadError
from loquent.domain.transcript import FRAMES_PER_SECOND
from loquent.engines.whisper.alignment import TokenTimes, token_times
from loquent.engines.whisper.hypothesis import Hypothesis
from loquent.engines.whisper.vocabulary import MAX_TOKENS, Vocabulary

MIN_ALIGNED_FRAMES = 2

ONLY_LANGUAGE = "en"
"""What weights without language tokens understand."""


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How the weights run.

    Attributes:
        device: "cpu", "cuda" or "auto".
        compute_type: arithmetic, as CTranslate2 names it.
        n_threads: cores to use, 0 for all.
        beam_size: hypotheses kept side by side at temperature 0.
        best_of: samples drawn at higher temperatures.
        is_exact: always hear 30 s, as the weights were trained, whatever it costs.
    """

    device: str = "cpu"
    compute_type: str = "int8"
    n_threads: int = 0
    beam_size: int = 5
    best_of: int = 5
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """How hypotheses are looked for: by beam at temperature 0, else the best of some samples.

    Attributes:
        max_tokens: the longest one, the prompt included.
    """

    temperature: float
    beam_size: int
    best_of: int
    max_tokens: int = MAX_TOKENS

    def at(self, temperature: float) -> Search:
        """Return the same search at another temperature."""
        return replace(self, temperature=temperature)

    def up_to(self, max_tokens: int) -> Search:
        """Return the same search for at most so many tokens, the prompt included."""
        return replace(self, max_tokens=max_tokens)

    def arguments(self) -> dict[str, Any]:
        """Say it in CTranslate2's words."""
        if self.temperature > 0:
            return {
                "beam_size": 1,
                "num_hypotheses": self.best_of,
                "sampling_topk": 0,
                "sampling_temperature": self.temperature,
            }
        return {"beam_size": self.beam_size}


@dataclass(frozen=True, slots=True)
class Encoded:
    """The encoder's view of windows of audio, each with silence behind it up to one context.

    Attributes:
        output: shape (n_windows, n_positions, width of the model).
        windows_s: length of each window without the silence.
    """

    output: ctranslate2.StorageView
    windows_s: tuple[float, ...]

    def rows(self, indices: Sequence[int]) -> Encoded:
        """Keep some of the windows, in the order of `indices`."""
        if list(indices) == list(range(len(self.windows_s))):
            return self
        kept = np.ascontiguousarray(
            np.asarray(self.output.to_device(ctranslate2.Device.cpu))[indices]
        )
        windows_s = tuple(self.windows_s[i] for i in indices)
        return Encoded(ctranslate2.StorageView.from_array(kept), windows_s)


class WhisperNetwork:
    """Loaded weights; every method blocks, lets other threads run and may be called by several.

    Args:
        n_workers: calls that run side by side.
        n_threads: cores that each of them uses, 0 for all.
    """

    def __init__(
        self, folder: Path, options: NetworkOptions, *, n_workers: int, n_threads: int
    ) -> None:
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder),
                device=options.device,
                compute_type=options.compute_type,
                inter_threads=n_workers,
                intra_threads=n_threads,
            )
            self._features = FeatureExtractor(**_feature_sizes(folder))
        except (RuntimeError, ValueError, OSError) as exc:
            raise ModelLoadError(f"the weights of {folder.name} could not be loaded") from exc

    @property
    def is_multilingual(self) -> bool:
        return bool(self._model.is_multilingual)

    def encode(self, windows: Sequence[Samples], *, context_s: float) -> Encoded:
        """Encode at most `context_s` of each window, padded with silence to that length."""
        n_samples = round(context_s * SAMPLE_RATE_HZ)
        mels = np.stack([self._mel(window[:n_samples], n_samples) for window in windows])
        output = self._model.encode(ctranslate2.StorageView.from_array(mels))
        return Encoded(output, tuple(duration_s(window[:n_samples]) for window in windows))

    def _mel(self, samples: Samples, n_samples: int) -> npt.NDArray[np.float32]:
        padded = np.zeros(n_samples, dtype=np.float32)
        padded[: len(samples)] = samples
        mel: npt.NDArray[np.float32] = self._features(padded, padding=0)
        return mel.astype(np.float32, copy=False)

    def languages(self, known: Sequence[str | None], encoded: Encoded) -> list[str]:
        """Return the language of each window in ISO 639-1: as `known`, else the likeliest one."""
        rows = [row for row, language in enumerate(known) if language is None]
        detected = [ONLY_LANGUAGE] * len(rows)
        if rows and self.is_multilingual:
            ranked = self._model.detect_language(encoded.rows(rows).output)
            detected = [str(best[0][0]).strip("<|>") for best in ranked]
        found = iter(detected)
        return [language or next(found) for language in known]

    def decode(
        self,
        encoded: Encoded,
        prompts: Sequence[Sequence[int]],
        vocabulary: Vocabulary,
        search: Search,
        beginnings: Sequence[Sequence[int]] = (),
    ) -> list[Hypothesis]:
        """Return the best hypothesis for each window.

        Args:
            prompts: one for each window, all of one length.
            beginnings: tokens with which the hypotheses begin, one list for each window or none.
            vocabulary: any of this model; languages and tasks of the windows may differ.
        """
        results = self._model.generate(
            encoded.output,
            [[*prompt, *said] for prompt, said in zip_longest(prompts, beginnings, fillvalue=())],
            max_length=search.max_tokens,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=vocabulary.suppressed,
            **search.arguments(),
        )
        return [_hypothesis(result, vocabulary, search.temperature) for result in results]

    def align(
        self, encoded: Encoded, vocabulary: Vocabulary, texts: Sequence[Sequence[int]]
    ) -> list[TokenTimes]:
        """Find when each text token of each window was said and how probable it was."""
        results = self._model.align(
            encoded.output,
            vocabulary.start,
            [list(text) for text in texts],
            [max(MIN_ALIGNED_FRAMES, round(s * FRAMES_PER_SECOND)) for s in encoded.windows_s],
        )
        return [
            token_times(result.alignments, result.text_token_probs, len(text))
            for result, text in zip(results, texts, strict=True)
        ]


def _hypothesis(result: Any, vocabulary: Vocabulary, temperature: float) -> Hypothesis:
    tokens = tuple(result.sequences_ids[0])
    return Hypothesis(
        tokens=tokens,
        text=vocabulary.text(tokens).strip(),
        # CTranslate2 divides the score by the length; Whisper counts the end token too.
        avg_logprob=result.scores[0] * len(tokens) / (len(tokens) + 1),
        no_speech_prob=result.no_speech_prob,
        temperature=temperature,
    )


def _feature_sizes(folder: Path) -> dict[str, int]:
    """Read the mel sizes that newer models bring along; older ones use the defaults."""
    path = folder / "preprocessor_config.json"
    if not path.exists():
        return {}
    known = ("feature_size", "sampling_rate", "hop_length", "chunk_length", "n_fft")
    config = json.loads(path.read_text(encoding="utf-8"))
    return {name: int(config[name]) for name in known if name in config}

"""The neural network itself: mel features, encoder, decoder and aligner on CTranslate2."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor
from tokenizers import Tokenizer as TokenizerFile

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.domain.errors import ModelLoadError
from loquent.domain.transcript import FRAMES_PER_SECOND, Task
from loquent.engines.whisper.alignment import TokenTimes, token_times
from loquent.engines.whisper.hypothesis import Hypothesis
from loquent.engines.whisper.vocabulary import MAX_TOKENS, Vocabulary

MAX_CONTEXT_S = 30.0
"""What the encoder was trained on. Source: openai/whisper."""

MIN_ALIGNED_FRAMES = 2


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How the weights run.

    Attributes:
        compute_type: arithmetic, as CTranslate2 names it.
        n_threads: threads of one decoding, 0 for all cores.
        beam_size: hypotheses kept side by side at temperature 0.
        best_of: samples drawn at higher temperatures.
    """

    device: str = "cpu"
    compute_type: str = "int8"
    n_threads: int = 0
    beam_size: int = 5
    best_of: int = 5


@dataclass(frozen=True, slots=True)
class Encoded:
    """The encoder's view of one window of audio."""

    output: ctranslate2.StorageView
    window_s: float


class WhisperNetwork:
    """Loaded weights; every method blocks and may be called from any one thread at a time."""

    def __init__(self, folder: Path, options: NetworkOptions) -> None:
        self._options = options
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder),
                device=options.device,
                compute_type=options.compute_type,
                intra_threads=options.n_threads,
            )
            self._tokenizer = TokenizerFile.from_file(str(folder / "tokenizer.json"))
            self._features = FeatureExtractor(**_feature_sizes(folder))
        except (RuntimeError, ValueError, OSError) as exc:
            raise ModelLoadError(f"the weights of {folder.name} could not be loaded") from exc
        self._vocabularies: dict[tuple[Task, str], Vocabulary] = {}

    @property
    def is_multilingual(self) -> bool:
        return bool(self._model.is_multilingual)

    def vocabulary(self, task: Task, language: str) -> Vocabulary:
        """Return the tokens of one task in one language."""
        key = (task, language)
        if key not in self._vocabularies:
            self._vocabularies[key] = Vocabulary(
                self._tokenizer, multilingual=self.is_multilingual, task=task, language=language
            )
        return self._vocabularies[key]

    def encode(self, samples: Samples, *, context_s: float = MAX_CONTEXT_S) -> Encoded:
        """Encode at most 30 s, padded with silence to `context_s`."""
        n_samples = round(min(max(context_s, duration_s(samples)), MAX_CONTEXT_S) * SAMPLE_RATE_HZ)
        padded = np.zeros(n_samples, dtype=np.float32)
        padded[: len(samples)] = samples[:n_samples]
        mel: npt.NDArray[np.float32] = self._features(padded, padding=0)
        batch = np.ascontiguousarray(mel[np.newaxis], dtype=np.float32)
        output = self._model.encode(ctranslate2.StorageView.from_array(batch))
        return Encoded(output, duration_s(samples[:n_samples]))

    def detect_language(self, encoded: Encoded) -> str:
        """Return the ISO 639-1 code of the likeliest language."""
        best, _probability = self._model.detect_language(encoded.output)[0][0]
        return str(best).strip("<|>")

    def decode(
        self, encoded: Encoded, vocabulary: Vocabulary, prompt: Sequence[int], temperature: float
    ) -> Hypothesis:
        """Decode by beam search at temperature 0, else by the best of several samples."""
        result = self._model.generate(
            encoded.output,
            [list(prompt)],
            max_length=MAX_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=vocabulary.suppressed,
            **self._search(temperature),
        )[0]
        tokens = tuple(result.sequences_ids[0])
        # CTranslate2 divides the score by the length; Whisper counts the end token too.
        avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        return Hypothesis(
            tokens=tokens,
            text=vocabulary.text(tokens).strip(),
            avg_logprob=avg_logprob,
            no_speech_prob=result.no_speech_prob,
            temperature=temperature,
        )

    def _search(self, temperature: float) -> dict[str, Any]:
        if temperature > 0:
            return {
                "beam_size": 1,
                "num_hypotheses": self._options.best_of,
                "sampling_topk": 0,
                "sampling_temperature": temperature,
            }
        return {"beam_size": self._options.beam_size}

    def align(
        self, encoded: Encoded, vocabulary: Vocabulary, text_tokens: Sequence[int]
    ) -> TokenTimes:
        """Find when each text token was said and how probable it was."""
        n_frames = max(MIN_ALIGNED_FRAMES, round(encoded.window_s * FRAMES_PER_SECOND))
        result = self._model.align(encoded.output, vocabulary.start, [list(text_tokens)], n_frames)[
            0
        ]
        return token_times(result.alignments, result.text_token_probs, len(text_tokens))


def _feature_sizes(folder: Path) -> dict[str, int]:
    """Read the mel sizes that newer models bring along; older ones use the defaults."""
    path = folder / "preprocessor_config.json"
    if not path.exists():
        return {}
    known = ("feature_size", "sampling_rate", "hop_length", "chunk_length", "n_fft")
    config = json.loads(path.read_text(encoding="utf-8"))
    return {name: int(config[name]) for name in known if name in config}

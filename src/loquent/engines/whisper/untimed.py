"""Decodes texts without timestamps that begin as they are told; believes whatever it hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loquent.engines.batch import Utterance
from loquent.engines.whisper.alignment import TokenTimes
from loquent.engines.whisper.grouping import grouped
from loquent.engines.whisper.hypothesis import Hypothesis
from loquent.engines.whisper.network import Encoded, Search, WhisperNetwork
from loquent.engines.whisper.vocabulary import MAX_TOKENS, Vocabularies, Vocabulary


@dataclass(frozen=True, slots=True)
class Untimed:
    """One hypothesis, and where its sound stands in the batch."""

    utterance: Utterance
    vocabulary: Vocabulary
    language: str
    row: int
    hypothesis: Hypothesis

    @property
    def text_tokens(self) -> list[int]:
        return self.vocabulary.text_tokens(self.hypothesis.tokens)


def decode_untimed(
    network: WhisperNetwork,
    vocabularies: Vocabularies,
    batch: Sequence[Utterance],
    encoded: Encoded,
    search: Callable[[Utterance], Search],
) -> list[Untimed]:
    """Decode all utterances, those of equal prompts at once; their beginnings may differ.

    Args:
        search: how to look for the text of one, and of how many tokens.
    """
    languages = network.languages([u.options.language for u in batch], encoded)
    known = [
        vocabularies.of(u.options.task, lang) for u, lang in zip(batch, languages, strict=True)
    ]
    prompts = [
        vocabulary.untimed_prompt(u.options.prompt, u.options.hotwords)
        for u, vocabulary in zip(batch, known, strict=True)
    ]
    decoded: dict[int, Untimed] = {}
    for rows in grouped(range(len(batch)), lambda row: len(prompts[row])):
        searches = [search(batch[row]) for row in rows]
        n_tokens = len(prompts[rows[0]]) + max(search.max_tokens for search in searches)
        hypotheses = network.decode(
            encoded.rows(rows),
            [prompts[row] for row in rows],
            known[rows[0]],
            searches[0].up_to(min(MAX_TOKENS, n_tokens)),
            [known[row].beginning(batch[row].options.prefix) for row in rows],
        )
        for row, hypothesis in zip(rows, hypotheses, strict=True):
            decoded[row] = Untimed(batch[row], known[row], languages[row], row, hypothesis)
    return [decoded[row] for row in range(len(batch))]


def token_times_of(
    network: WhisperNetwork, encoded: Encoded, decoded: Sequence[Untimed]
) -> dict[int, TokenTimes]:
    """Time the tokens of hypotheses, those of one vocabulary at once; by row."""
    times: dict[int, TokenTimes] = {}
    for group in grouped(decoded, lambda one: id(one.vocabulary)):
        part = encoded.rows([one.row for one in group])
        aligned = network.align(part, group[0].vocabulary, [one.text_tokens for one in group])
        times |= {one.row: found for one, found in zip(group, aligned, strict=True)}
    return times

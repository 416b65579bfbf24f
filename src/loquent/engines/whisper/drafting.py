"""Guesses at speech that goes on: greedy, without repairs or regrets."""

from __future__ import annotations

from collections.abc import Sequence

from loquent.engines.batch import Utterance
from loquent.engines.whisper.context import MAX_CONTEXT_S, draft_context_s, max_draft_tokens
from loquent.engines.whisper.hypothesis import repeats_itself
from loquent.engines.whisper.network import Search, WhisperNetwork
from loquent.engines.whisper.reading import untimed_recognition
from loquent.engines.whisper.untimed import Untimed, decode_untimed, token_times_of
from loquent.engines.whisper.vocabulary import Vocabularies
from loquent.ports import Recognition


def read_drafts(
    network: WhisperNetwork,
    vocabularies: Vocabularies,
    batch: Sequence[Utterance],
    *,
    is_exact: bool,
) -> list[Recognition]:
    """Guess what each utterance says, nothing where that is not plausible; in their order.

    Args:
        is_exact: hear 30 s of context, whatever it costs.
    """
    longest_s = max(utterance.speech_s for utterance in batch)
    context_s = MAX_CONTEXT_S if is_exact else draft_context_s(longest_s)
    encoded = network.encode([utterance.samples for utterance in batch], context_s=context_s)
    drafts = decode_untimed(network, vocabularies, batch, encoded, _search)
    times = token_times_of(network, encoded, [draft for draft in drafts if _is_plausible(draft)])
    return [untimed_recognition(draft, times.get(draft.row)) for draft in drafts]


def _search(utterance: Utterance) -> Search:
    n_tokens = max_draft_tokens(utterance.speech_s)
    return Search(temperature=0.0, beam_size=1, best_of=1, max_tokens=n_tokens)


def _is_plausible(draft: Untimed) -> bool:
    hypothesis = draft.hypothesis
    heard = bool(draft.text_tokens) and not hypothesis.is_silence
    return heard and hypothesis.is_credible and not repeats_itself(draft.text_tokens)

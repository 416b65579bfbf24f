"""Who speaks when in louder, fainter, narrower and noisier copies of the same recordings."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import soxr
from rich.progress import track
from rich.table import Table

from bench.conversations import REPORT
from bench.live_corpus import decoded
from bench.speaker_client import speaker_server, told
from bench.speaker_corpus import OTHERS, Talk, composed, sample_talk, talks
from bench.speaker_score import Score, scored, summed
from bench.voices import save
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from tests.live.server import RunningServer

N_CONVERSATIONS = 10
GAIN_DB = 12.0
TELEPHONE_HZ = 8_000
NOISE_DB = 20.0
MU = 255.0

AS_IT_IS = "as it is"


def louder(samples: Samples) -> Samples:
    """Amplify; what is too loud is clipped when it is saved."""
    return samples * np.float32(10 ** (GAIN_DB / 20))


def fainter(samples: Samples) -> Samples:
    """Attenuate."""
    return samples * np.float32(10 ** (-GAIN_DB / 20))


def telephoned(samples: Samples) -> Samples:
    """Send through 8 kHz and mu-law of 8 bits. Source: G.711, its law as a formula."""
    narrow = np.clip(soxr.resample(samples, SAMPLE_RATE_HZ, TELEPHONE_HZ), -1, 1)
    law = np.sign(narrow) * np.log1p(MU * np.abs(narrow)) / np.log1p(MU)
    steps = np.round((law + 1) / 2 * MU) / MU * 2 - 1
    heard = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(MU)) / MU
    wide = soxr.resample(heard.astype(np.float32), TELEPHONE_HZ, SAMPLE_RATE_HZ)
    return np.asarray(wide, np.float32)


def noisy(samples: Samples) -> Samples:
    """Add white noise `NOISE_DB` below the loudness of the whole recording."""
    rms = float(np.sqrt(np.mean(samples**2))) * 10 ** (-NOISE_DB / 20)
    noise = np.random.default_rng(0).standard_normal(len(samples)) * rms
    return (samples + noise).astype(np.float32)


CHANGES: Mapping[str, Callable[[Samples], Samples]] = {
    f"+{GAIN_DB:g} dB": louder,
    f"-{GAIN_DB:g} dB": fainter,
    "telephone": telephoned,
    f"noise at {NOISE_DB:g} dB": noisy,
}


def robustness() -> Table:
    """Count speakers in every copy of every recording."""
    table = Table(
        "recording", "speakers", AS_IT_IS, *CHANGES,
        box=None, title="Speakers in changed recordings",
    )  # fmt: skip
    rows: list[dict[str, Score]] = []
    with tempfile.TemporaryDirectory() as folder, speaker_server() as server:
        found = composed(REPORT[:N_CONVERSATIONS], Path(folder))
        heard = [sample_talk(), *talks(OTHERS), *found]
        for talk in track(heard, "changed recordings", transient=True):
            rows.append(dict(_copies(server, talk, Path(folder))))
            table.add_row(talk.name, str(talk.n_speakers), *_cells(rows[-1]))
    composed_rows = rows[-len(found) :]
    together = {name: summed(row[name] for row in composed_rows) for name in rows[0]}
    shares = (f"{score.strict.percent:.2f} %" for score in together.values())
    table.add_row("conversations, all together", "", *shares)
    table.add_row("count as it was", "", "", *(_unchanged(rows, name) for name in CHANGES))
    table.caption = (
        "speakers found and DER, collar 0, overlap scored; ! where the count is not what it is in "
        f"the recording as it is. Clipped at +{GAIN_DB:g} dB, as 16 bits are"
    )
    return table


def _copies(server: RunningServer, talk: Talk, folder: Path) -> Iterator[tuple[str, Score]]:
    yield AS_IT_IS, _score(server, talk, talk.path)
    samples = decoded(talk.path)
    for name, change in CHANGES.items():
        yield name, _score(server, talk, save(folder / "changed.wav", change(samples)))


def _score(server: RunningServer, talk: Talk, path: Path) -> Score:
    return scored(talk.turns, told(server, path).turns, talk.duration_s)


def _cells(scores: Mapping[str, Score]) -> list[str]:
    n_before = scores[AS_IT_IS].n_found
    return [
        f"{score.n_found}{'' if score.n_found == n_before else '!'}, {score.strict.percent:.1f} %"
        for score in scores.values()
    ]


def _unchanged(rows: Sequence[Mapping[str, Score]], name: str) -> str:
    n = sum(row[name].n_found == row[AS_IT_IS].n_found for row in rows)
    return f"{n} of {len(rows)}"

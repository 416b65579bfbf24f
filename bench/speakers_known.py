"""Known voices among strangers: who is called by name, and who is wrongly."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track
from rich.table import Table

from bench.conversations import Manner, compose
from bench.corpus import Recording
from bench.speaker_client import speaker_server, told
from bench.speaker_corpus import Talk, saved
from bench.speaker_names import Naming, naming
from bench.voices import everybody, said, save, whereabouts
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from tests.live.server import RunningServer

GOAL_NAMED, GOAL_MISNAMED = 95.0, 5.0
MOST_KNOWN = 4
MOST_STRANGERS = 2
N_EACH = 10
REFERENCE_S = 5.0
MIN_CLIPS = 4
"""So many must somebody have whose voice is to be known: some are the reference, the rest speak."""

FIRST_SEED = 100


@dataclass(frozen=True, slots=True)
class Meeting:
    """A conversation and recordings of voices, by the names that they are to be called.

    Attributes:
        known: none of their sound is in the conversation.
        absent: the same of people who are not there.
    """

    talk: Talk
    known: Mapping[str, Path]
    absent: Mapping[str, Path]


def names_given() -> Table:
    """Send references of one to four who are there, and then as many of others who are not."""
    table = Table(
        "references", "conversations", "known people speak", "right name", "of what was heard",
        "strangers speak", "wrongly named", "goal",
        box=None, title="Known voices",
    )  # fmt: skip
    total, absent = Naming(), Naming()
    with tempfile.TemporaryDirectory() as folder, speaker_server() as server:
        for n_known in range(1, MOST_KNOWN + 1):
            meetings = [_meeting(n_known, number, Path(folder)) for number in range(N_EACH)]
            sums = Naming()
            for meeting in track(meetings, f"{n_known} known", transient=True):
                sums += _asked(server, meeting.talk, meeting.known)
                absent += _asked(server, meeting.talk, meeting.absent)
            _row(table, f"{n_known} who are there", N_EACH, sums)
            total += sums
    n_meetings = N_EACH * MOST_KNOWN
    _row(table, "all of them", n_meetings, total, _goal(total))
    _row(table, "as many who are not there", n_meetings, absent)
    table.caption = (
        f"{whereabouts()}; {REFERENCE_S:g} s of each known voice that are not in the conversation, "
        f"and 1 to {MOST_STRANGERS} strangers. Shares of speaking time, what was missed counted "
        "as not named; the column beside counts only when anybody was heard"
    )
    return table


def _meeting(n_known: int, number: int, folder: Path) -> Meeting:
    seed = FIRST_SEED + N_EACH * n_known + number
    chance = random.Random(seed)
    pool = everybody()
    nameable = [person for person in sorted(pool) if len(pool[person]) >= MIN_CLIPS]
    known, absent = _parted(chance.sample(nameable, 2 * n_known), n_known)
    references = {person: _reference(pool[person], chance) for person in known + absent}
    left: dict[str, Sequence[Recording]] = {
        person: [clip for clip in pool[person] if clip not in references.get(person, ())]
        for person in pool
        if person not in absent
    }
    n_people = n_known + chance.randint(1, MOST_STRANGERS)
    manner = Manner(n_people=(n_people, n_people), people=tuple(known))
    talk = saved(compose(left, said, seed, manner), folder / f"meeting-{seed}.wav")
    paths = {
        person: save(folder / f"{seed}-{n}.wav", _sound(clips))
        for n, (person, clips) in enumerate(references.items())
    }
    return Meeting(talk, {p: paths[p] for p in known}, {p: paths[p] for p in absent})


def _parted(people: list[str], n: int) -> tuple[list[str], list[str]]:
    return people[:n], people[n:]


def _reference(clips: Sequence[Recording], chance: random.Random) -> list[Recording]:
    """Take as many clips as `REFERENCE_S` needs."""
    taken: list[Recording] = []
    for clip in chance.sample(list(clips), len(clips)):
        if sum(said(one).duration_s for one in taken) >= REFERENCE_S:
            break
        taken.append(clip)
    return taken


def _sound(clips: Sequence[Recording]) -> Samples:
    together = np.concatenate([said(clip).samples for clip in clips])
    return together[: round(REFERENCE_S * SAMPLE_RATE_HZ)]


def _asked(server: RunningServer, talk: Talk, known: Mapping[str, Path]) -> Naming:
    return naming(talk.turns, told(server, talk.path, known).turns, known.keys())


def _row(table: Table, name: str, n: int, sums: Naming, goal: str = "") -> None:
    table.add_row(
        name,
        str(n),
        f"{sums.known_s / 60:.1f} min",
        _share(sums.named_s, sums.known_s),
        _share(sums.named_s, sums.heard_s),
        f"{sums.strange_s / 60:.1f} min",
        _share(sums.misnamed_s, sums.strange_s),
        goal,
    )


def _share(part_s: float, whole_s: float) -> str:
    return f"{100 * part_s / whole_s:.2f} %" if whole_s else ""


def _goal(sums: Naming) -> str:
    has_names = 100 * sums.named_s >= GOAL_NAMED * sums.known_s
    is_true = 100 * sums.misnamed_s <= GOAL_MISNAMED * sums.strange_s
    verdict = "met" if has_names and is_true else "missed"
    return f">= {GOAL_NAMED:g} % right, <= {GOAL_MISNAMED:g} % wrong: {verdict}"

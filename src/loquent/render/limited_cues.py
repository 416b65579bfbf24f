"""Cuts a transcript into cues within a caller's limits; knows nothing of any subtitle format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise, zip_longest

from loquent.domain.transcript import Segment, Task, Transcript
from loquent.render.atoms import Atom, atoms_of
from loquent.render.cue_lines import Line, lay_out
from loquent.render.cues import Cue, TimedText, cues_of
from loquent.render.cutting import Run, cuts, wanted_ms
from loquent.render.lines import n_cells
from loquent.render.options import SubtitleOptions
from loquent.render.phrasing import break_cost
from loquent.render.speakers import label


def subtitle_cues(
    transcript: Transcript, options: SubtitleOptions | None, *, shows_names: bool = False
) -> tuple[Cue, ...]:
    """Cut `transcript` into cues: within limits where there are any, else by its segments.

    Args:
        shows_names: whether each cue begins with the name of who speaks, where that is known.

    Returns: cues in order of time, none empty, none overlapping the next.
    """
    if options is None:
        return cues_of(transcript, shows_names=shows_names)
    language = "en" if transcript.task is Task.TRANSLATE else transcript.language or ""
    cues: list[tuple[Cue, int]] = []
    for speaker, run in _runs(transcript, language):
        prefix = label(speaker) if shows_names else ""
        # Where room were made for a long name, cues would shrink to a word.
        counted = n_cells(prefix) if n_cells(prefix) <= options.max_line_width // 2 else 0
        cues += _cut(replace(run, n_prefix=counted), prefix, speaker, options)
    return tuple(_timed(sorted(cues, key=lambda cue: cue[0].start_ms), options))


def _runs(transcript: Transcript, language: str) -> Iterator[tuple[str | None, Run]]:
    """Part the segments between speakers."""
    segments = (segment for segment in transcript.segments if segment.text.strip())
    runs = [
        (speaker, atoms)
        for speaker, said in groupby(segments, key=_speaker)
        if (atoms := atoms_of(said))
    ]
    for (speaker, atoms), following in pairwise([*runs, (None, ())]):
        costs = [_ending(left, right, language) for left, right in pairwise(atoms)]
        later_ms = following[1][0].start_ms if following[1] else None
        # Who speaks beside somebody else, on another channel, does not end the other's cue.
        end_ms = None if later_ms is None else max(later_ms, atoms[-1].end_ms)
        yield speaker, Run(atoms, [*costs, 0.0], end_ms)


def _speaker(segment: Segment) -> str | None:
    return segment.speaker


def _ending(left: Atom, right: Atom, language: str) -> float:
    """Tell what it costs to end a cue between two atoms; one recognised word stays together."""
    is_inside = left.word == right.word and not left.ends_segment and not right.gap
    return break_cost(left.text, right.text, language) + (1.0 if is_inside else 0.0)


def _cut(
    run: Run, prefix: str, speaker: str | None, options: SubtitleOptions
) -> Iterator[tuple[Cue, int]]:
    """Yield cues, and how long each should stay at least; they may still overlap."""
    for start, end in cuts(run, options):
        atoms = run.atoms[start:end]
        lines = lay_out(
            atoms,
            run.costs[start:end],
            width=options.max_line_width,
            prefix_cells=run.n_prefix,
        )
        texts = [_text(line) for line in lines]
        n_characters = run.n_prefix + sum(map(len, texts)) + len(texts) - 1
        cue = Cue(
            start_ms=atoms[0].start_ms,
            end_ms=atoms[-1].end_ms,
            lines=(prefix + texts[0], *texts[1:]),
            speaker=speaker,
            timed_lines=tuple(map(_timed_texts, lines)) if options.highlight_words else (),
        )
        yield cue, wanted_ms(n_characters, options)


def _text(line: Line) -> str:
    return "".join(atom.gap + atom.text for atom in line).lstrip()


def _timed_texts(line: Line) -> tuple[TimedText, ...]:
    """Join the atoms of one recognised word."""
    texts: list[TimedText] = []
    previous: Atom | None = None
    for atom in line:
        is_same = previous is not None and previous.word == atom.word and not previous.ends_segment
        if is_same:
            texts[-1] = replace(texts[-1], text=texts[-1].text + atom.gap + atom.text)
        else:
            texts.append(TimedText(atom.text, atom.gap if texts else "", atom.start_ms))
        previous = atom
    return tuple(texts)


def _timed(cues: Sequence[tuple[Cue, int]], options: SubtitleOptions) -> Iterator[Cue]:
    """Let cues stay as long as they should, and none longer than until the next begins."""
    limit_ms = round(1000 * options.max_cue_s)
    starts_ms: list[int] = []
    for cue, _ in cues:
        starts_ms.append(max(cue.start_ms, starts_ms[-1] + 1 if starts_ms else 0))
    for (cue, stay_ms), start_ms, next_ms in zip_longest(cues, starts_ms, starts_ms[1:]):
        end_ms = max(cue.end_ms, start_ms + stay_ms, start_ms + 1)
        end_ms = min(end_ms, start_ms + limit_ms)
        yield replace(cue, start_ms=start_ms, end_ms=min(end_ms, next_ms or end_ms))

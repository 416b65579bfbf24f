"""What no score tells: text invented where nobody speaks, and the sense of translations."""

from __future__ import annotations

from pathlib import Path

from rich.progress import track
from rich.table import Table

from bench.arena import contenders
from bench.corpus import Recording, recordings
from loquent.domain.transcript import Task
from tests.assets import clip

OURS = "loquent"


def invented(model: str) -> Table:
    """Transcribe music, noise and silence; every character is one too many."""
    table = Table(
        "recording", "length", "characters", "text", box=None, title="Text where nobody speaks"
    )
    silent = [*recordings("no_speech"), Recording(clip("chime"), None, "")]
    total = 0
    with contenders((OURS,), model) as (ours,):
        for recording in track(silent, transient=True):
            text = ours.hear(Recording(recording.path, None, "")).text
            total += len(text)
            length = f"{recording.duration_s:.1f} s"
            table.add_row(recording.path.name, length, str(len(text)), text)
    table.add_row("all", "", str(total))
    return table


def translated(model: str, set_name: str = "multilingual_short") -> Table:
    """Translate what is not English, to be read beside what was said."""
    table = Table(
        "recording", "said", "meaning", "ours", box=None, title="Into English", show_lines=True
    )
    foreign = [r for r in recordings(set_name) if r.language != "en"]
    with contenders((OURS,), model) as (ours,):
        for recording in track(foreign, transient=True):
            text = ours.hear(recording, Task.TRANSLATE).text
            name = f"{Path(recording.path).stem} ({recording.language})"
            table.add_row(name, recording.text or "", recording.english or "", text)
    return table

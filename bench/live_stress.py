"""A live server under what it should not mind: sounds without speech, and too many callers."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.table import Table

from bench.arena import MEGABYTE, MemoryWatch
from bench.live import live_server, warm_up
from bench.live_corpus import compose, english, heard, saved, taken
from bench.live_figures import Heard, paired_up, spread
from bench.live_score import final_lags
from bench.live_sounds import unspoken
from bench.live_values import Session
from bench.live_wire import lane, perform, slip

OVERLOAD = 3
RETRY_S = 5.0
FRESH_S = 30.0
FRESH_RETRY_S = 0.5
NORMAL_S = 0.5
"""How much later than on the idle server a final may come after the load and count as normal."""

MINUTE_S = 60.0


def silence(model: str, total_s: float, pace: float, settings: Mapping[str, str]) -> Table:
    """Send sounds in which nobody speaks; every character is one too many."""
    table = Table(
        "sound", "length", "characters in finals", "in partials", "text", "closed with",
        box=None, title=f"Live silence {model}, {pace:g} times as fast as it sounds",
    )  # fmt: skip
    with live_server(model, settings) as bench:
        streams = [
            replace(saved(samples, bench.folder / f"{number}.pcm"), name=name)
            for number, (name, samples) in enumerate(unspoken(total_s).items())
        ]
        sessions = perform(replace(bench.job(lane(*streams), language=None), pace=pace))
    n_final = n_partial = 0
    for stream, session in paired_up(streams, sessions):
        finals = sum(len(frame.text) for frame in session.frames if frame.is_final)
        partials = sum(len(frame.text) for frame in session.frames if not frame.is_final)
        text = " | ".join(frame.text for frame in session.frames if frame.text)[:80]
        n_final, n_partial = n_final + finals, n_partial + partials
        closed = f"{session.close_code} {session.trouble}".strip()
        length = f"{session.sent_s:.0f} of {stream.duration_s:.0f} s"
        table.add_row(stream.name, length, str(finals), str(partials), text, closed)
    sent_s = sum(session.sent_s for session in sessions)
    table.add_row("all (goal 0)", f"{sent_s:.0f} s", str(n_final), str(n_partial))
    return table


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The same stream before and after the load, and the server's memory around it."""

    before: Heard
    after: Heard
    load_ended_s: float
    idle_bytes: int
    minute_bytes: int
    end_bytes: int

    @property
    def recovery_s(self) -> float:
        """Time from the last sound of the load to the last final that was later than normal."""
        usual_s = max((lag_s for _, lag_s in final_lags(*self.before)), default=0.0)
        stream, session = self.after
        lags = final_lags(stream, session)
        if session.was_refused or not lags:
            return float("inf")
        late = [end_s + lag_s for end_s, lag_s in lags if lag_s > usual_s + NORMAL_S]
        return session.began_s + max(late, default=0.0) - self.load_ended_s


def overload(model: str, capacity: int, length_s: float, settings: Mapping[str, str]) -> Table:
    """Let three times as many speak as the server can carry; refused ones come again."""
    with live_server(model, settings) as bench:
        clips = heard(bench.server, model, english())
        warm_up(bench, clips[0])
        chosen = taken(clips, FRESH_S, random.Random(0))
        fresh = compose(chosen, bench.folder / "fresh.pcm", seed=0)
        before = perform(bench.job(lane(fresh)))[-1]
        streams = [
            compose(
                taken(clips, length_s, random.Random(seed)), bench.folder / f"{seed}.pcm", seed=seed
            )
            for seed in range(1, OVERLOAD * capacity + 1)
        ]
        job = bench.job(*(lane(stream) for stream in streams))
        job = replace(job, stagger_s=1.0, retry_s=RETRY_S, until_s=length_s)
        memory = MemorySteps(bench.server.process.pid)
        sessions = perform(job)
        end_bytes = memory.stop()
        ended_s = max(s.began_s + (s.done_s or s.closed_s or 0.0) for s in sessions)
        again = replace(
            bench.job(lane(fresh)), retry_s=FRESH_RETRY_S, until_s=fresh.duration_s + FRESH_S
        )
        after = perform(again)[-1]
    aftermath = Aftermath(
        (fresh, before), (fresh, after), ended_s, memory.idle_bytes, memory.minute_bytes, end_bytes
    )
    title = (
        f"Live overload {model}, {len(streams)} callers for {length_s:.0f} s, carries {capacity}"
    )
    return _overload_table(title, paired_up(streams, sessions), aftermath)


class MemorySteps:
    """Memory of a server and its children before a load, a minute into it and at its end.

    Taken three times only: to look all the time takes a tenth of a core from the server.
    """

    def __init__(self, pid: int) -> None:
        self._watch = MemoryWatch(pid)
        self._watch.stop()
        self.idle_bytes = self.minute_bytes = self._watch.now_bytes()
        self._timer = threading.Timer(MINUTE_S, self._note)
        self._timer.start()

    def _note(self) -> None:
        self.minute_bytes = self._watch.now_bytes()

    def stop(self) -> int:
        """Return the memory at the end."""
        self._timer.cancel()
        return self._watch.now_bytes()


def _overload_table(title: str, load: Sequence[Heard], aftermath: Aftermath) -> Table:
    table = Table("figure", "value", "goal", box=None, title=title)
    accepted = [heard for heard in load if not heard[1].was_refused]
    refused = [session for _, session in load if session.was_refused]
    began_s = min(session.began_s for _, session in load)
    lags = [
        (session.began_s - began_s + at_s, lag_s)
        for stream, session in accepted
        for at_s, lag_s in final_lags(stream, session)
    ]
    last_s = max((at_s for at_s, _ in lags), default=0.0)
    n_broken = sum(not session.is_whole for _, session in accepted)
    growth = 100 * (aftermath.end_bytes / aftermath.minute_bytes - 1)
    table.add_row("sessions accepted, refused", f"{len(accepted)}, {len(refused)}")
    table.add_row("refused with", ", ".join(sorted({_farewell(s) for s in refused})), "1013")
    table.add_row("accepted and not closed with 1000", str(n_broken), "0")
    table.add_row("final p50 / p95", spread([lag_s for _, lag_s in lags]), "p95 4 s")
    table.add_row(
        "in the first minute", spread([lag_s for at_s, lag_s in lags if at_s <= MINUTE_S])
    )
    table.add_row(
        "in the last minute", spread([lag_s for at_s, lag_s in lags if at_s > last_s - MINUTE_S])
    )
    table.add_row("memory idle", f"{aftermath.idle_bytes / MEGABYTE:.0f} MB")
    table.add_row("memory after a minute", f"{aftermath.minute_bytes / MEGABYTE:.0f} MB")
    table.add_row("growth from then to the end", f"{growth:+.1f} %", "5 %")
    table.add_row("same stream, idle server", spread(_lags(aftermath.before)))
    table.add_row("same stream, after the load", spread(_lags(aftermath.after)))
    table.add_row("back to normal after", f"{aftermath.recovery_s:.1f} s", "10 s")
    table.caption = slip([session for _, session in load])
    return table


def _lags(heard: Heard) -> list[float]:
    return [lag_s for _, lag_s in final_lags(*heard)]


def _farewell(session: Session) -> str:
    return str(session.close_code or session.trouble)

"""Writes the tables of docs/scale.md between their marks; measures and simulates nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from bench import scale_figures as figures
from bench.scale_cost import RENTED, VCPU_USD, Hosted, Rented, break_even, hosted
from bench.scale_day import mean_audio_s, mean_session_s, mean_shape
from bench.scale_figures import FIGURES, Figure
from bench.scale_growth import STEP_FACTOR, TICK_S, Policy
from bench.scale_live import FLOW, ROOM, lags_s
from bench.scale_model import (
    NODE_CORES,
    Load,
    hours_per_core_hour,
    model_bytes,
    plan,
    recording_bytes,
    rows_a_second,
    streams_per_core,
    streams_per_gateway_core,
)
from bench.scale_scenarios import HOURS, STREAMS, WINDOW_S
from bench.scale_theory import TOLERANCE
from loquent.domain.model import Capability

Results: TypeAlias = Mapping[str, Any]
Cells: TypeAlias = Sequence[str]

GIGABYTE = 1e9
OVERLOAD_STREAMS, OVERLOAD_AT_S = 18, 150.0
"""The load of `figures.OVERLOAD_P50_S`, and the middle of the minute that it is of."""

END = "<!-- end of scale -->"
_POLICY = Policy(1, 1)
_BLOCK = re.compile(
    rf"^<!-- scale: (?P<name>[a-z-]+) -->$.*?^{END}$",
    re.MULTILINE | re.DOTALL,
)


def filled(page: str, results: Results) -> str:
    """Return a page with its tables brought up to date.

    Raises: ValueError: if a mark of the page names no table, or a table has no mark.
    """
    tables = written(results)
    if sorted(found["name"] for found in _BLOCK.finditer(page)) != sorted(tables):
        raise ValueError(f"the page needs one mark for each of {', '.join(sorted(tables))}")

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- scale: {name} -->\n\n{tables[name]}\n\n{END}"

    return _BLOCK.sub(block, page)


def written(results: Results) -> Mapping[str, str]:
    """Return every table by its name."""
    makers: Mapping[str, Callable[[Results], str]] = {
        "capacity": lambda _: _capacity(),
        "plans": lambda _: _plans(),
        "demand": lambda _: _demand(),
        "recordings": _recordings,
        "policies": _policies,
        "live": _live,
        "starts": _starts,
        "own-cost": _own_cost,
        "hosted": lambda _: _hosted(),
        "checks": _checks,
        "figures": lambda _: _figures(),
    }
    return {name: make(results) for name, make in makers.items()}


def _table(heads: Cells, rows: Sequence[Cells]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _capacity() -> str:
    books, alone = figures.REQUESTS_WITH_BOOKS.value, figures.REQUESTS.value
    sockets = f"{streams_per_gateway_core():.0f} a core, {figures.BUSY.value:.0%} of it busy"
    model = f"{model_bytes() / GIGABYTE:.2f} GB idle, {recording_bytes() / GIGABYTE:.2f} GB at most"
    rows = {
        "recordings, whisper-base int8": f"{hours_per_core_hour():.1f} h of audio in a core hour",
        "live streams of unbroken speech": f"{streams_per_core():g} a core with finals within "
        f"2.5 s at p95, {ROOM / figures.CORES:g} before newcomers are refused",
        "large-v2 on a small GPU: estimate": f"{figures.GPU_BATCHED.value:.0f} h in a GPU hour",
        "large-v3 on a large GPU: estimate": f"{figures.GPU_LARGE.value:.0f} h in a GPU hour",
        "memory of a loaded whisper-base": f"{model} while recordings are worked on",
        "memory of a live stream": f"{figures.STREAM_BYTES.value / 1e6:.0f} MB, most of it the "
        "engine's buffers",
        "live sockets of a gateway": sockets,
        "requests of a gateway": f"{books:g} a second and core with keys, limits and ledger, "
        f"{alone:g} without: as far as was measured",
        "rows of the ledger": f"SQLite {rows_a_second():.0f} a second one after another; "
        f"PostgreSQL was measured at {books:g}, not at its limit",
    }
    return _table(("What", "How much"), list(rows.items()))


def _plans() -> str:
    loads = [
        *((f"{streams:,.0f} live streams", Load(streams=streams)) for streams in STREAMS),
        *((f"{hours:,.0f} h of recordings a month", Load(hours=hours)) for hours in HOURS),
    ]
    rows = []
    for name, load in loads:
        needed = plan(load)
        requests = f"{load.requests_a_second:.2f}" if load.hours else ""
        rows.append(
            (name, f"{needed.live_workers + needed.recording_workers:,}",
             f"{needed.gateway_cores:,}", requests, f"{needed.rows:.2f}",
             f"{needed.memory_bytes / GIGABYTE:,.0f} GB", f"{needed.cores:,}",
             f"{needed.nodes:,}")
        )  # fmt: skip
    heads = (
        "At the busiest time of a week", f"Workers of {figures.CORES} cores", "Gateway cores",
        "Requests/s", "Ledger rows/s", "Memory", "Cores in all", f"Nodes of {NODE_CORES}",
    )  # fmt: skip
    return _table(heads, rows)


def _demand() -> str:
    rows = [
        ("mean demand of a week over its peak", f"{mean_shape():.2f}"),
        ("mean length of a recording", f"{mean_audio_s():.0f} s"),
        ("mean length of a live session", f"{mean_session_s():.0f} s"),
        *((f"{each:,.0f} live streams at the peak are",
           f"{Load(streams=each).stream_hours:,.0f} h of sound a month")
          for each in STREAMS[-1:]),
        ("a pool is looked at every", f"{TICK_S:g} s"),
        ("it grows by, in one step, at most", f"{STEP_FACTOR:g} times its size"),
        ("it shrinks once fewer would have been enough for", f"{_POLICY.calm_s / 60:g} min"),
        ("workers are missing once newcomers wait for", f"{_POLICY.wait_s:g} s"),
        ("a new worker serves after", f"{_POLICY.start_s:.0f} s"),
        ("the loss of a zone is noticed after", f"{figures.NOTICE_S.value:g} s"),
        ("the zone is back after", f"{figures.OUTAGE_S.value / 60:g} min"),
    ]  # fmt: skip
    return _table(("Made up", ""), rows)


def _recordings(results: Results) -> str:
    rows = [
        (f"{row['hours']:,.0f} h", str(row["name"]), f"{row['requests']:,}", _waits(row),
         _waits(row, "after_"), _percent(row["refused"]), _percent(row["after_refused"]),
         f"{row['again']:,}", f"{row['least_workers']:.0f} to {row['most_workers']:.0f}",
         f"{row['worker_hours']:,.0f}", f"{row['busy']:.0%}")
        for row in results["recordings"]
    ]  # fmt: skip
    heads = (
        "A month", "A stretch finds its worker by", "Requests of the day",
        "Wait p50 / p95 / p99", f"in the {WINDOW_S / 60:g} min after the loss", "Refused",
        "after the loss", "Stretches done again", "Workers", "Worker hours", "Busy",
    )  # fmt: skip
    return _table(heads, rows)


def _waits(row: Results, prefix: str = "") -> str:
    return " / ".join(f"{row[f'{prefix}p{q}_s']:.2f}" for q in (50, 95, 99)) + " s"


def _policies(results: Results) -> str:
    rows = [
        (str(row["name"]), _waits(row), _percent(row["refused"]),
         f"{row['least_workers']:.0f} to {row['most_workers']:.0f}",
         f"{row['worker_hours']:,.0f}", f"{row['busy']:.0%}")
        for row in results["policies"]
    ]  # fmt: skip
    heads = (
        "The pool follows",
        "Wait p50 / p95 / p99",
        "Refused",
        "Workers",
        "Worker hours",
        "Busy",
    )
    return _table(heads, rows)


def _live(results: Results) -> str:
    rows = [
        (f"{row['streams']:,.0f}", str(row["name"]), _percent(row["late"]),
         _percent(row["after_late"]), _percent(row["refused"]), _percent(row["after_refused"]),
         f"{row['after_behind_s']:.1f} s",
         f"{row['least_workers']:,.0f} to {row['most_workers']:,.0f}",
         f"{row['worker_hours']:,.0f}", f"{row['streams_per_worker']:.1f}")
        for row in results["live"]
    ]  # fmt: skip
    heads = (
        "Streams at the peak", "Made for, a worker", "Finals later than 4 s",
        f"in the {WINDOW_S / 60:g} min after the loss", "Sessions refused", "after the loss",
        "Work piled up, at most", "Workers", "Worker hours", "Streams a worker, mean",
    )  # fmt: skip
    return _table(heads, rows)


def _starts(results: Results) -> str:
    rows = [
        (f"{float(row['name']):,.0f} s", _waits(row, "after_"), _percent(row["after_refused"]),
         _percent(row["live_after_late"]), _percent(row["live_after_refused"]))
        for row in results["starts"]
    ]  # fmt: skip
    heads = (
        "A node starts in", "Recordings: wait p50 / p95 / p99", "refused",
        "Live: finals later than 4 s", "sessions refused",
    )  # fmt: skip
    return _table(heads, rows)


def _own_cost(results: Results) -> str:
    recordings, live = results["weeks"]["recordings"], results["weeks"]["live"]
    live_hours, audio_hours = live["stream_hours"], recordings["audio_hours"]
    rows = [
        (f"recordings, whisper-base, {recordings['hours']:,.0f} h a month",
         f"{recordings['busy']:.0%}",
         _usd(recordings["worker_hours"] * figures.CORES * VCPU_USD / audio_hours),
         _usd(RENTED[0].full_usd)),
        (f"live, whisper-base, {live['streams']:,.0f} streams at the peak",
         f"{live['streams_per_worker'] / figures.STREAMS.value:.0%}",
         _usd(live["worker_hours"] * figures.CORES * VCPU_USD / live_hours),
         _usd(RENTED[1].full_usd)),
        ("gateway of a live stream", "as planned",
         _usd(VCPU_USD * figures.GATEWAY_STREAM.value / figures.BUSY.value / mean_shape()), ""),
    ]  # fmt: skip
    heads = (
        f"On vCPUs at {VCPU_USD} USD an hour", "Busy over a simulated week",
        "USD for an hour of audio", "if it were always busy",
    )  # fmt: skip
    return _table(heads, rows)


def _hosted() -> str:
    heads = (
        "Provider", "Model", "For", "USD an hour", "Price of",
        *(f"Cheaper here from: {each.name}" for each in RENTED),
    )  # fmt: skip
    rows = [
        (each.provider, f"`{each.model}`", each.capability.value, f"{each.usd:.3f}",
         each.checked_on, *(_even(rented, each)
                            for rented in RENTED))
        for each in hosted()
    ]  # fmt: skip
    return _table(heads, rows)


def _even(rented: Rented, hosted_one: Hosted) -> str:
    if rented.is_live != (hosted_one.capability is Capability.REALTIME):
        return ""
    share = break_even(rented, hosted_one.usd)
    if share > 1:
        return "never"
    return f"{share:.0%} busy" if share >= 0.01 else "always"


def _checks(results: Results) -> str:
    rows = [
        (f"mean wait, {row['name']}", f"{row['mean_s']:.3f} s",
         f"{row['theory_s']:.3f} s by Erlang's formula; a test allows {TOLERANCE:.0%}")
        for row in results["checks"]
    ]  # fmt: skip
    behind_s = OVERLOAD_AT_S * (OVERLOAD_STREAMS - FLOW) / FLOW
    late_s = lags_s(OVERLOAD_STREAMS)[0] + behind_s
    measured_s = figures.OVERLOAD_P50_S.value
    what = f"finals, p50, of {OVERLOAD_STREAMS} streams let in at once, in their third minute"
    rows.append((what, f"{late_s:.0f} s", f"{measured_s:g} s measured"))
    return _table(("What", "Simulated", "Beside it"), rows)


def _figures() -> str:
    rows = [(figure.name, _value(figure), figure.kind.value, figure.source) for figure in FIGURES]
    return _table(("Figure", "Value", "Kind", "Source, or why"), rows)


def _value(figure: Figure) -> str:
    value, unit = figure.value, figure.unit
    if unit == "bytes":
        return f"{value / 1e6:,.0f} MB"
    if unit == "s" and value < 0.1:
        return f"{1_000 * value:g} ms"
    told = f"{value:,.4g}" if value < 1_000 else f"{value:,.0f}"
    told = f"{told} {unit}".strip()
    if figure.low is None or figure.high is None:
        return told
    return f"{told} ({figure.low:g} to {figure.high:g})"


def _percent(share: float) -> str:
    if math.isclose(share, 0.0, abs_tol=5e-6):
        return "0"
    return f"{100 * share:.2f} %"


def _usd(usd: float) -> str:
    return f"{usd:.4f}"

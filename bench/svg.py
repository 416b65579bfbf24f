"""Draws charts of points and lines as SVG, for light and dark pages; knows no figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]

STYLE = """
svg { color: #24292f; background: #ffffff; font: 13px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { svg { color: #d7dde4; background: #14181d; } }
text { fill: currentColor; }
.grid { stroke: currentColor; stroke-opacity: 0.14; }
.axis { stroke: currentColor; stroke-opacity: 0.55; }
"""


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart.

    Attributes:
        ticks: values that are written out; the first and the last are its ends.
        form: how they are written, as in `format`.
        is_log: the same ratio is the same length; all values are above 0.
    """

    label: str
    ticks: Sequence[float]
    form: str = "g"
    is_log: bool = False

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies, 0 to 1."""
        least, most = self.ticks[0], self.ticks[-1]
        if self.is_log:
            return math.log(value / least) / math.log(most / least)
        return (value - least) / (most - least)


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart in a picture; lengths in pixels.

    Attributes:
        left, top, width, height: of the area that holds points.
    """

    title: str
    x: Axis
    y: Axis
    left: float
    top: float
    width: float
    height: float

    def place(self, point: Point) -> Point:
        """Return where a point lies in the picture."""
        across, up = self.x.share(point[0]), self.y.share(point[1])
        return self.left + across * self.width, self.top + (1 - up) * self.height

    def frame(self) -> str:
        """Draw title, grid, axes and labels."""
        bottom, right = self.top + self.height, self.left + self.width
        parts = [text(self.left, self.top - 16, self.title, weight=600)]
        for value in self.y.ticks:
            _, y = self.place((self.x.ticks[0], value))
            parts.append(line([(self.left, y), (right, y)], "grid"))
            parts.append(text(self.left - 8, y + 4, format(value, self.y.form), "end"))
        for value in self.x.ticks:
            x, _ = self.place((value, self.y.ticks[0]))
            parts.append(line([(x, bottom), (x, bottom + 5)], "axis"))
            parts.append(text(x, bottom + 20, format(value, self.x.form), "middle"))
        parts.append(line([(self.left, bottom), (right, bottom)], "axis"))
        parts.append(text((self.left + right) / 2, bottom + 42, self.x.label, "middle"))
        middle = (self.top + bottom) / 2
        turned = f' transform="rotate(-90 {self.left - 46:.1f} {middle:.1f})"'
        parts.append(text(self.left - 46, middle, self.y.label, "middle", turned))
        return "\n".join(parts)

    def curve(self, points: Sequence[Point], colour: str, *, is_dashed: bool = False) -> str:
        """Draw a line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self.place, points))
        dashes = ' stroke-dasharray="5 4"' if is_dashed else ""
        look = f'fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dashes}'
        return f'<polyline points="{path}" {look}/>'

    def mark(self, point: Point, colour: str, *, is_hollow: bool = False) -> str:
        """Draw a point."""
        x, y = self.place(point)
        fill = "none" if is_hollow else colour
        look = f'fill="{fill}" stroke="{colour}" stroke-width="2.5"'
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" {look}/>'

    def note(self, point: Point, words: str, *, offset: Point, anchor: str = "start") -> str:
        """Write beside a point."""
        x, y = self.place(point)
        return text(x + offset[0], y + offset[1], words, anchor)


def text(
    x: float, y: float, words: str, anchor: str = "start", extra: str = "", *, weight: int = 400
) -> str:
    """Write words."""
    look = f'text-anchor="{anchor}" font-weight="{weight}"{extra}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{words}</text>'


def line(points: Sequence[Point], kind: str) -> str:
    """Draw a line of the look named `kind`."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" class="{kind}" fill="none"/>'


def sample(x: float, y: float, colour: str, dashes: str = "") -> str:
    """Draw a short piece of a line, for a legend."""
    look = f'stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dashes or "none"}"'
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x + 24:.1f}" y2="{y:.1f}" {look}/>'


def picture(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """Put a whole picture together."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    ground = f"<title>{title}</title>\n<style>{STYLE}</style>"
    return "\n".join((head, ground, *parts, "</svg>", ""))

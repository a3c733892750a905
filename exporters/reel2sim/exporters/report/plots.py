"""Joint positions over time as small SVG drawings that follow the page's colours."""

from __future__ import annotations

import math

from markupsafe import Markup

from reel2sim.scene import Joint
from reel2sim.scene.arrays import Array

_WIDTH, _HEIGHT = 360.0, 132.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 66.0, 10.0, 10.0, 22.0


def display_unit(joint: Joint) -> tuple[float, str]:
    """Factor from radians or metres to the unit people read, and its name."""
    return (math.degrees(1.0), "°") if joint.type.angular else (1000.0, " mm")


def plain(value: float) -> str:
    """One decimal, and never a negative zero."""
    return f"{round(float(value), 1) + 0.0:.1f}"


def plot_joint(joint: Joint, times_s: Array, positions: Array) -> Markup:
    """Position over time ``(t,)``, with the joint's limits as dashed lines."""
    factor, unit = display_unit(joint)
    values = positions * factor
    bounds = [b * factor for b in (joint.limits.lower, joint.limits.upper) if math.isfinite(b)]
    low, high = _span([*values.tolist(), *bounds])
    stop = max(float(times_s[-1]), float(times_s[0]) + 1e-9)

    def x(time: float) -> float:
        share = (time - float(times_s[0])) / (stop - float(times_s[0]))
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        share = (value - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_line(_LEFT, y(b), _WIDTH - _RIGHT, y(b), "limit") for b in bounds]
    if low < 0 < high:
        parts.append(_line(_LEFT, y(0), _WIDTH - _RIGHT, y(0), "zero"))
    points = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in zip(times_s, values, strict=True))
    if len(values) == 1:
        parts.append(f'<circle class="curve" cx="{_LEFT}" cy="{y(values[0]):.1f}" r="2"/>')
    parts.append(f'<polyline class="curve" points="{points}"/>')
    for value in (min([*values, *bounds]), max([*values, *bounds])):
        parts.append(_text(_LEFT - 5, y(value) + 4, f"{plain(value)}{unit}", "end"))
    parts.append(_text(_LEFT, _HEIGHT - 6, f"{float(times_s[0]):.3g} s", "start"))
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 6, f"{float(times_s[-1]):.3g} s", "end"))
    label = f"{joint.name} from {plain(values.min())} to {plain(values.max())}{unit}"
    size = f'viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}"'
    # Names are letters, digits and underscores, so nothing here needs escaping.
    return Markup(f'<svg {size} role="img" aria-label="{label}">{"".join(parts)}</svg>')


def _span(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) if high - low > 1e-9 else 1.0
    return low - pad, high + pad


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'

"""Results as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from reel2sim.pipeline import StageRun
    from reel2sim.scene.asset import RiggedAsset
    from reel2sim.scene.rig import Joint


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A plain table; columns that hold numbers are set to the right."""
    made = Table(title=Text(title), title_justify="left", title_style="bold", header_style="bold")
    for i, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(f"{x:.4g}" if isinstance(x, float) else str(x)) for x in row))
    return made


def joint_records(asset: RiggedAsset) -> list[dict[str, Any]]:
    """Every joint as plain values: radians and metres."""
    return [
        {
            "name": joint.name,
            "type": joint.type.value,
            "parent": joint.parent,
            "child": joint.child,
            "axis": joint.axis.tolist(),
            "lower": joint.limits.lower if math.isfinite(joint.limits.lower) else None,
            "upper": joint.limits.upper if math.isfinite(joint.limits.upper) else None,
            "confidence": joint.confidence,
            "observed": joint.observed,
            "reason": joint.reason,
        }
        for joint in asset.joints
    ]


def joint_table(asset: RiggedAsset) -> Table:
    """Name, type, axis, range, confidence and what was seen of every joint."""
    rows = [
        (
            joint.name,
            joint.type.value,
            " ".join(f"{x:+.2f}" for x in joint.axis),
            _range(joint),
            f"{joint.confidence:.2f}",
            "yes" if joint.observed else "no",
            joint.reason,
        )
        for joint in asset.joints
    ]
    columns = ("joint", "type", "axis", "range", "confidence", "observed", "reason")
    return table(f"{asset.name}: {len(rows)} joint(s)", columns, rows)


def stage_records(stages: Sequence[StageRun]) -> list[dict[str, Any]]:
    """What every stage took, as plain values."""
    return [
        {
            "name": stage.name,
            "version": stage.version,
            "cached": stage.cached,
            "seconds": stage.seconds,
            "peak_memory_mb": stage.peak_memory_mb,
            "metrics": dict(stage.metrics),
        }
        for stage in stages
    ]


def _range(joint: Joint) -> str:
    lower, upper = joint.limits.lower, joint.limits.upper
    if joint.type.dof != 1:
        return "–"
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return "unlimited"
    if joint.type.angular:
        return f"{math.degrees(lower):.1f} … {math.degrees(upper):.1f}°"
    return f"{lower * 1000:.1f} … {upper * 1000:.1f} mm"

"""The facts on the page, ready to print."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.joints import start_poses
from reel2sim.exporters.manifest import manifest_record
from reel2sim.exporters.media import BundleMedia, Provenance
from reel2sim.exporters.report.doubts import SURE, grade, in_words, made_of, percent, unseen
from reel2sim.exporters.report.environment import write_page
from reel2sim.exporters.report.pictures import film_strip, sheet_uri, thumbnail_uri, video_uri
from reel2sim.exporters.report.plots import display_unit, plain, plot_joint
from reel2sim.scene import Joint, JointType, Link, RiggedAsset
from reel2sim.scene.arrays import Array

_INPUTS = ("media", "generation")
"""Stages whose figures are of what went in."""


def write_report(
    asset: RiggedAsset,
    path: Path,
    *,
    media: BundleMedia | None,
    provenance: Provenance,
    preview: Path | None = None,
) -> None:
    """Write the report, one file without outside references, to ``path``.

    It says what went in, what came out, how sure that is, what was not seen, how to use it and
    how it was made, in this order. It holds no timings, so that the same input gives the same
    bytes; those are in the manifest.

    Args:
        asset: the object.
        path: file to write.
        media: pictures for the film strip, if any.
        provenance: where the asset came from.
        preview: the film to embed if it exists and is small.
    """
    times, strips = ([], []) if media is None else film_strip(media)
    values = {
        "asset": asset,
        "manifest": manifest_record(asset, provenance),
        "headline": _headline(asset),
        "input_figures": _input_figures(media, provenance),
        "figures": _figures(asset, provenance),
        "thumbnail": thumbnail_uri(asset),
        "strip_times": times,
        "strips": strips,
        "sheet": None if media is None else sheet_uri(media),
        "video": None if preview is None else video_uri(preview),
        "joints": _joint_rows(asset),
        "links": [_link_row(link) for link in asset.links],
        "total_mass": _number(sum(link.inertial.mass for link in asset.links)),
        "unseen": unseen(asset),
        "metrics": _metrics(asset.metrics),
        "edits": _edits(provenance),
        "stages": [_stage_row(s.name, s.version, s.metrics, s.config) for s in provenance.stages],
    }
    write_page("asset.html.j2", path, values)


def _headline(asset: RiggedAsset) -> str:
    """One sentence on what was found and how far to trust it."""
    moving = [j for j in asset.joints if j.type is not JointType.FIXED]
    sure = sum(j.observed and j.confidence >= SURE for j in moving)
    base = "a fixed base" if asset.fixed_base else "a moving base"
    if not moving:
        return f"{_count(len(asset.links), 'part')} on {base}; no joint moved enough to be found."
    verdict = {0: "none of them seen well", len(moving): "all of them seen well"}
    quality = verdict.get(sure, f"{sure} of them seen well")
    if len(moving) == 1:
        quality = "seen well" if sure else "not seen well"
    return (
        f"{_count(len(asset.links), 'part')} and {_count(len(moving), 'moving joint')} "
        f"on {base}; {quality}."
    )


def _input_figures(media: BundleMedia | None, provenance: Provenance) -> list[tuple[str, str]]:
    """What is known of the pictures that went in."""
    told: dict[str, float] = {}
    for stage in provenance.stages:
        told.update(stage.metrics if stage.name in _INPUTS else {})
    found: list[tuple[str, str]] = []
    if (known := told.pop("calibrated", None)) is not None:
        found.append(("cameras", "known" if known else "not known beforehand"))
    found += _metrics(told)
    if media is not None:
        first, last = float(media.times_s[0]), float(media.times_s[-1])
        found.append(("time", f"{first:.3g} to {last:.3g} s"))
    return found


def _figures(asset: RiggedAsset, provenance: Provenance) -> list[tuple[str, str]]:
    """What anybody wants to know; what the stages measured besides is under provenance."""
    moving = sum(joint.type is not JointType.FIXED for joint in asset.joints)
    measured = {k: v for stage in provenance.stages for k, v in stage.metrics.items()}
    figures = [
        ("parts", str(len(asset.links))),
        ("moving joints", str(moving)),
        ("duration", f"{asset.motion.duration_s:.3g} s"),
        ("samples of motion", str(len(asset.motion.times_s))),
        ("mass", f"{_number(sum(link.inertial.mass for link in asset.links))} kg"),
        ("surfels", f"{len(asset.surfels):,}"),
        ("triangles", f"{sum(len(link.visual.faces) for link in asset.links):,}"),
        ("convex pieces", str(sum(len(link.collision) for link in asset.links))),
    ]
    if (psnr := measured.get("psnr_db")) is not None:
        figures.append(("likeness to the input (PSNR)", f"{psnr:.1f} dB"))
    return figures


def _metrics(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(k.replace("_", " "), _number(v)) for k, v in sorted(metrics.items())]


def _joint_rows(asset: RiggedAsset) -> list[dict[str, Any]]:
    pivots = start_poses(asset)[1:, :3, 3]
    return [_joint_row(asset, j, pivot) for j, pivot in zip(asset.joints, pivots, strict=True)]


def _joint_row(asset: RiggedAsset, joint: Joint, pivot: Array) -> dict[str, Any]:
    positions = asset.motion.positions[joint.name]
    factor, unit = display_unit(joint)
    moves = joint.type is not JointType.FIXED
    return {
        "name": joint.name,
        "type": joint.type.value,
        "parent": joint.parent,
        "child": joint.child,
        "moves": moves,
        "axis": _vector(joint.axis) if moves else "–",
        "pivot": _vector(pivot),
        "limits": _interval(joint.limits.lower, joint.limits.upper, factor, unit) if moves else "–",
        "range": _interval(float(positions.min()), float(positions.max()), factor, unit)
        if moves
        else "–",
        "percent": percent(joint.confidence),
        "words": in_words(joint.confidence, observed=joint.observed),
        "grade": grade(joint.confidence, observed=joint.observed),
        "made_of": made_of(joint),
        "reason": joint.reason,
        "plot": plot_joint(joint, asset.motion.times_s, positions) if moves else None,
    }


def _link_row(link: Link) -> dict[str, Any]:
    principal = np.linalg.eigvalsh(link.inertial.inertia)
    return {
        "name": link.name,
        "material": link.material.name,
        "density": _number(link.material.density),
        "mass": _number(link.inertial.mass),
        "center": _vector(link.inertial.center),
        "inertia": ", ".join(f"{v:.2e}" for v in principal),
        "pieces": len(link.collision),
        "triangles": f"{len(link.visual.faces):,}",
    }


def _edits(provenance: Provenance) -> list[str]:
    edited = provenance.edited
    return [] if edited is None else [json.dumps(dict(edit)) for edit in edited.edits]


def _stage_row(
    name: str, version: str, metrics: Mapping[str, float], config: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "metrics": _metrics(metrics),
        "config": json.dumps(dict(config), indent=2, sort_keys=True, default=str),
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _number(value: float) -> str:
    return f"{float(value):,.4g}"


def _vector(values: Array) -> str:
    return ", ".join(f"{v:.3f}" for v in np.round(values, 3) + 0.0)


def _interval(low: float, high: float, factor: float, unit: str) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "unlimited"
    return f"{plain(low * factor)} … {plain(high * factor)}{unit}"

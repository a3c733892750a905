"""Splats of a stage: values that renderers can draw, and the same as in ``splats.ply``."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
from pxr import Usd, UsdGeom

from reel2sim.exporters.check.looks.splats import Splats, joined_splats
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.stage.looks import SPLATS, appearances
from reel2sim.scene.arrays import Array
from reel2sim.scene.harmonics import rotate_sh
from reel2sim.scene.transforms import matrix_from_quaternion

_LOOSE = 2e-3
"""How far opacities, colours, rotations and shares of scales may differ."""


def check_stage_splats(notes: Notes, where: str, stage: Usd.Stage, splats: Splats | None) -> None:
    """Look at the splats of every appearance; they must be those of ``splats.ply``."""
    for name in appearances(stage):
        fields = [p for p in stage.Traverse() if p.GetTypeName() == SPLATS]
        if not fields:
            continue
        cache = UsdGeom.XformCache(Usd.TimeCode.Default())
        found = joined_splats([_field(notes, where, prim, cache) for prim in fields])
        if splats is not None:
            _compare(notes, f"{where}: appearance={name}", found, splats)


def _field(notes: Notes, where: str, prim: Usd.Prim, cache: UsdGeom.XformCache) -> Splats:
    """The field in the world, after noting values that no renderer can draw."""
    at = f"{where}: {prim.GetPath()}"
    columns = {
        name: np.array(prim.GetAttribute(name).Get(), dtype=np.float64)
        for name in ("positions", "scales", "opacities")
    }
    turns = prim.GetAttribute("orientations").Get()
    table = np.array([[q.GetReal(), *q.GetImaginary()] for q in turns], dtype=np.float64)
    columns["orientations"] = table.reshape(-1, 4)
    for name, values in columns.items():
        bad = int((~np.isfinite(values)).sum())
        if bad:
            notes.add("USD008", f"{at}.{name}", f"{bad} values are not finite")
        if len(values) != len(columns["positions"]):
            notes.add("USD008", f"{at}.{name}", "has another length than positions")
    if (columns["scales"] <= 0).any():
        notes.add("USD008", f"{at}.scales", "holds scales that are not positive")
    if ((columns["opacities"] < 0) | (columns["opacities"] > 1)).any():
        notes.add("USD008", f"{at}.opacities", "leaves 0..1")
    if (np.linalg.norm(columns["orientations"], axis=1) < 1e-6).any():
        notes.add("USD008", f"{at}.orientations", "holds a zero quaternion")
    harmonics = prim.GetAttribute("radiance:sphericalHarmonicsCoefficients").Get()
    sh = np.array(harmonics if harmonics is not None else [], dtype=np.float64)
    count = len(columns["positions"])
    if sh.size % max(3 * count, 1):
        notes.add("USD008", f"{at}.radiance", f"{sh.size} numbers for {count} splats")
        sh = np.zeros(0)
    T = np.array(cache.GetLocalToWorldTransform(prim)).T
    return Splats(
        columns["positions"] @ T[:3, :3].T + T[:3, 3],
        np.einsum("ij,njk->nik", T[:3, :3], matrix_from_quaternion(columns["orientations"])),
        columns["scales"],
        columns["opacities"],
        _turned(sh.reshape(count, -1, 3), T[:3, :3]),
    )


def _turned(sh: Array, R: Array) -> Array:
    """Colours seen along the world's directions: a field's own turn with it."""
    whole = sh.shape[1] in (1, 4, 9, 16)  # else the field is at fault, which is noted
    if not whole or not len(sh) or np.abs(R - np.eye(3)).max() < 1e-12:
        return sh
    return rotate_sh(sh, np.broadcast_to(R, (len(sh), 3, 3)))


def _compare(notes: Notes, where: str, found: Splats, wanted: Splats) -> None:
    """Compare two sets of splats in no order."""
    from scipy.spatial import cKDTree

    if len(found.points) != len(wanted.points):
        text = f"holds {len(found.points)} splats, splats.ply {len(wanted.points)}"
        notes.add("PLY004", where, text)
        return
    if not (np.isfinite(found.points).all() and np.isfinite(wanted.points).all()):
        return
    gaps, nearest = cKDTree(found.points).query(wanted.points)
    back, _ = cKDTree(wanted.points).query(found.points)
    gap = float(max(gaps.max(initial=0.0), back.max(initial=0.0)))
    notes.agreement["USD splats"] = gap
    size = max(1.0, float(np.abs(wanted.points).max(initial=0.0)))
    if gap > 1e-5 * size:
        notes.add("PLY004", where, f"is off by {gap:.3g} m")
        return
    _compare_values(notes, where, found.select(nearest), wanted)


def _compare_values(notes: Notes, where: str, found: Splats, wanted: Splats) -> None:
    """Compare splat by splat; at points that several share, any of them will do."""
    if found.sh.shape != wanted.sh.shape:
        text = f"{found.sh.shape[1]} harmonics a splat, {wanted.sh.shape[1]} in splats.ply"
        notes.add("PLY005", where, text)
        return
    _, group, sizes = np.unique(
        np.round(wanted.points, 4), axis=0, return_inverse=True, return_counts=True
    )
    single = sizes[group.ravel()] == 1
    gaps = {
        "rotations": np.abs(found.turns - wanted.turns),
        "scales": np.abs(found.scales / wanted.scales - 1),
        "opacities": np.abs(found.opacities - wanted.opacities),
        "colours": np.abs(found.sh - wanted.sh),
    }
    for name, gap in gaps.items():
        worst = float(np.nanmax(gap[single], initial=0.0))
        if worst > _LOOSE:
            count = int((gap[single].reshape(single.sum(), -1).max(axis=1) > _LOOSE).sum())
            notes.add("PLY005", where, f"{name} of {count} splats differ by up to {worst:.3g}")

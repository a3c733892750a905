"""Convex collision pieces."""

from __future__ import annotations

import io
import signal
import subprocess
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial import QhullError

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.meshing import simplified
from reel2sim.scene.arrays import Array
from reel2sim.scene.lifeline import script_command

_WORKER = Path(__file__).with_name("coacd_worker.py")
_DECOMPOSED_FACES = 1200
"""Faces of the mesh that is decomposed: more costs minutes and gains nothing to collide with."""
_PATIENCE = 10.0
"""Seconds on the clock per second of processor time before a decomposition is given up."""
_NEARLY_CONVEX = 0.95
"""A solid that fills this share of its hull needs one piece."""


def convex_pieces(
    mesh: trimesh.Trimesh, *, config: PhysicsConfig, clearance: float
) -> tuple[list[trimesh.Trimesh], str]:
    """Cover a closed mesh with convex pieces.

    Args:
        mesh: closed.
        config: settings.
        clearance: how far each piece is drawn in on all sides, metres.

    Returns:
        The pieces, each convex and closed, and a note if the hull had to stand in ("" if not).
    """
    hull = mesh.convex_hull
    note = ""
    pieces = [np.asarray(hull.vertices)]
    if config.max_pieces > 1 and mesh.volume < _NEARLY_CONVEX * hull.volume:
        try:
            step = 0.002 * float(mesh.scale)
            coarse = simplified(mesh, _DECOMPOSED_FACES, step=step) or mesh
            pieces = _decompose(coarse, config)
        except (subprocess.SubprocessError, OSError, ValueError, KeyError) as fault:
            note = f"its convex hull stands in for collision pieces ({_short(fault)})"
    found = [_piece(points, config.max_piece_vertices, clearance) for points in pieces]
    usable = [piece for piece in found if piece is not None]
    return usable or [hull], note


def _decompose(mesh: trimesh.Trimesh, config: PhysicsConfig) -> list[Array]:
    """CoACD (Wei et al., 2022) in a process of its own: it may crash, hang or chatter."""
    sent = io.BytesIO()
    np.savez(
        sent,
        vertices=np.asarray(mesh.vertices, np.float64),
        faces=np.asarray(mesh.faces, np.int32),
        threshold=config.concavity,
        max_pieces=config.max_pieces,
        seed=config.seed,
        limit_s=config.decomposition_limit_s,
    )
    done = subprocess.run(
        script_command(_WORKER),
        input=sent.getvalue(),
        capture_output=True,
        timeout=_PATIENCE * config.decomposition_limit_s,
        check=True,
    )
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as answer:
        return np.split(answer["points"], np.cumsum(answer["counts"])[:-1])


def _short(fault: Exception) -> str:
    if isinstance(fault, subprocess.TimeoutExpired):
        return f"decomposition took over {fault.timeout:.0f} s"
    if isinstance(fault, subprocess.CalledProcessError):
        if -fault.returncode in (signal.SIGXCPU, signal.SIGKILL):
            return "decomposition took too long"
        return f"decomposition failed with status {fault.returncode}"
    return f"decomposition failed: {type(fault).__name__}"


def _piece(points: Array, max_vertices: int, clearance: float) -> trimesh.Trimesh | None:
    """Convex hull of ``points`` with few corners, drawn in by ``clearance``; None if flat."""
    try:
        hull = trimesh.convex.convex_hull(points)
        if len(hull.vertices) > max_vertices:
            hull = trimesh.convex.convex_hull(_spread(np.asarray(hull.vertices), max_vertices))
        corners, center = np.asarray(hull.vertices), np.asarray(hull.center_mass)
        _, axes = np.linalg.eigh(np.cov(corners.T))
        local = (corners - center) @ axes
        half = np.ptp(local, axis=0) / 2
        scale = 1.0 - np.minimum(clearance / np.maximum(half, 1e-9), 0.1)
        drawn = trimesh.convex.convex_hull((local * scale) @ axes.T + center)
    except (QhullError, ValueError):
        return None
    return drawn if drawn.is_watertight and drawn.volume > 0 else None


def _spread(points: Array, count: int) -> Array:
    """``count`` of the points, each as far as possible from those picked before it."""
    picked = [int(np.argmax(((points - points.mean(0)) ** 2).sum(1)))]
    nearest = np.full(len(points), np.inf)
    while len(picked) < count:
        nearest = np.minimum(nearest, ((points - points[picked[-1]]) ** 2).sum(1))
        picked.append(int(np.argmax(nearest)))
    return points[picked]

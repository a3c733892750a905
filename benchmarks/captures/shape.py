"""What is true of a body beside its pictures: joints, points on its surface, depth and normals."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh
from captures.body import Body
from captures.cameras import Ring, Shot
from captures.raycast import RayScene

from reel2sim.generation.truth import TrueJoint, Truth
from reel2sim.scene.arrays import Array

_EPOCH = (1980, 1, 1, 0, 0, 0)


def surface_samples(scene: RayScene, ring: Ring, *, count: int, seed: int) -> tuple[Array, Array]:
    """Even samples of the surface that some view around the body sees at time zero.

    Returns:
        Triangle ``(n,)`` and barycentric coordinates ``(n, 3)`` of about ``count`` points, less
        the hidden ones.
    """
    body = scene.body
    start = body.vertices_at(0.0)
    chunks: list[tuple[Array, Array]] = []
    area = trimesh.Trimesh(start, body.faces, process=False).area
    for part in range(len(body.parts)):
        own = np.flatnonzero(body.face_parts == part)
        mesh = trimesh.Trimesh(start, body.faces[own], process=False)
        share = max(64, round(count * mesh.area / area))
        points, triangles = trimesh.sample.sample_surface(mesh, share, seed=seed + part)[:2]
        bary = trimesh.triangles.points_to_barycentric(mesh.triangles[triangles], points)
        chunks.append((own[triangles], bary))
    triangles = np.concatenate([chunk[0] for chunk in chunks])
    bary = np.concatenate([chunk[1] for chunk in chunks])
    points = body.points(0.0, triangles, bary)
    seen = np.zeros(len(points), dtype=bool)
    for azimuth in np.radians(np.arange(0, 360, 15)):
        seen |= scene.sees(ring.camera(azimuth).position, points, 0.0)
    return triangles[seen], bary[seen]


def joint_truth(body: Body, times_s: Array, shares: Array, samples: tuple[Array, Array]) -> Truth:
    """Joints, if there are any, and poses at every instant of a body whose poses are known."""
    assert body.poses_at is not None
    poses = [body.poses_at(float(share)) for share in shares]
    model = body.model
    joints = () if model is None else model.joints
    positions = np.zeros((len(shares), 0)) if model is None else model.positions(shares)
    triangles, bary = samples
    return Truth(
        diagonal_m=body.diagonal,
        times_s=times_s,
        joints=tuple(
            TrueJoint(j.name, j.type, j.parent, j.child, j.axis, j.pivot, positions[:, i])
            for i, j in enumerate(joints)
        ),
        parts=body.parts,
        link_poses={name: np.stack([T[name] for T in poses]) for name in body.parts},
        points=body.points(0.0, triangles, bary).astype(np.float32),
        point_parts=body.face_parts[triangles].astype(np.int16),
    )


def shape_truth(
    scene: RayScene,
    ring: Ring,
    held_out: Sequence[Shot],
    shares: Array,
    samples: tuple[Array, Array],
    *,
    duration_s: float,
) -> dict[str, Array]:
    """Arrays of ``shape.npz``; see ``reel2sim.pipeline.scores.heldout`` for their meaning."""
    seen = [
        scene.geometry(ring.camera(shot.azimuth, shot.elevation), shot.share) for shot in held_out
    ]
    every = np.unique(np.concatenate([shares, [shot.share for shot in held_out]]))
    tracks = np.stack([scene.body.points(float(share), *samples) for share in every])
    return {
        "diagonal_m": np.array(scene.body.diagonal),
        "depth": np.stack([depth for depth, _ in seen]).astype(np.float32),
        "normal": np.stack([normal for _, normal in seen]).astype(np.float16),
        "track_times_s": every * duration_s,
        "tracks": tracks.astype(np.float32),
    }


def write_arrays(path: Path, arrays: dict[str, Array]) -> None:
    """Write an ``.npz`` whose bytes depend on the arrays alone."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.save(buffer, arrays[name], allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            archive.writestr(info, buffer.getvalue(), zipfile.ZIP_DEFLATED, 6)

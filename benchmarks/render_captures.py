"""Render capture folders with exact truth from meshes with known joints.

Example::

    python benchmarks/render_captures.py --out captures --objects mw_drawer mw_laptop
    python benchmarks/render_captures.py --out captures --urdf path/to/robot.urdf --joints j1 j2
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import trimesh
import tyro
from captures.models import Model, load_exact, load_urdf
from captures.raycast import RayScene, pixel_rays
from PIL import Image

from reel2sim.generation.truth import TrueJoint, Truth, write_truth
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera, look_at
from reel2sim.scene.transforms import apply

_DATA = Path(os.environ.get("REEL2SIM_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))
_FOV = np.radians(40.0)
_ELEVATION = np.radians(20.0)
_MARGIN = 0.08
_DURATION_S = 2.0
_FIXED_CAMERAS = 8


@dataclass(frozen=True)
class Options:
    """What to render.

    Attributes:
        out: folder that receives one capture folder per object.
        objects: names under ``assets_gt`` of the data folder; empty: all.
        urdf: render this file instead.
        joints: joints of the URDF that move; empty: all.
        name: of the URDF's capture folder; empty: that of the file.
        protocol: orbit: static, orbit and front streams; front: static and front;
            mono: front only; multiview: static and eight fixed cameras.
        texture: rich solid texture or flat colours.
        size: picture edge in pixels.
        frames: instants of the motion.
        static_views: views at time zero.
        seed: of textures and surface samples.
        points: candidate surface samples for the truth; those no view at time zero sees are
            dropped.
    """

    out: Path
    objects: tuple[str, ...] = ()
    urdf: Path | None = None
    joints: tuple[str, ...] = ()
    name: str = ""
    protocol: Literal["orbit", "front", "mono", "multiview"] = "orbit"
    texture: Literal["rich", "flat"] = "rich"
    size: int = 192
    frames: int = 24
    static_views: int = 24
    seed: int = 0
    points: int = 20000


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture to take: camera and index of the instant."""

    stream: str
    number: int
    camera: Camera
    instant: int


class Rig:
    """Cameras around a model, far enough for its whole motion."""

    def __init__(self, model: Model, trajectory: Array, size: int) -> None:
        cloud = np.concatenate(
            [
                apply(T[name], mesh.vertices)
                for T in map(model.poses, trajectory)
                for name, mesh in model.parts.items()
            ]
        )
        self._size = size
        self._target = (cloud.min(axis=0) + cloud.max(axis=0)) / 2
        offsets = trimesh.convex.convex_hull(cloud).vertices - self._target
        self._distance = max(self._reach(a, offsets) for a in np.radians(np.arange(0, 360, 5)))

    def _reach(self, azimuth: float, offsets: Array) -> float:
        """Smallest distance at which all points project inside the margin."""
        axes = look_at(
            _direction(azimuth), np.zeros(3), width=2, height=2, fov_y=_FOV
        ).T_world_camera[:3, :3]
        x, y, z = (offsets @ axes).T
        half = np.tan(_FOV / 2) * (1.0 - _MARGIN)
        return float(np.max(np.maximum(np.abs(x), np.abs(y)) / half - z))

    def camera(self, azimuth: float, *, size: int | None = None) -> Camera:
        """The camera at ``azimuth`` radians about Z from +X."""
        eye = self._target + self._distance * _direction(azimuth)
        pixels = size or self._size
        return look_at(eye, self._target, width=pixels, height=pixels, fov_y=_FOV)


def _direction(azimuth: float) -> Array:
    c = np.cos(_ELEVATION)
    return np.array([c * np.cos(azimuth), c * np.sin(azimuth), np.sin(_ELEVATION)])


def best_azimuth(scene: RayScene, rig: Rig, model: Model, trajectory: Array) -> float:
    """Where most of the motion can be followed from its start, beside something that stays.

    A direction's worth is the image motion of the points seen at time zero, as long as they are
    seen, for the part that shows least, times the root of the pixels of the parts that stay.
    """
    moving = [scene.names.index(joint.child) for joint in model.joints]
    instants = [model.poses(q) for q in trajectory[:: max(1, len(trajectory) // 6)]]
    worth: dict[float, float] = {}
    for azimuth in np.radians(np.arange(-90, 270, 15)):
        camera = rig.camera(azimuth, size=64)
        start = scene.cast(*pixel_rays(camera, 1), instants[0])
        still = int((~np.isin(start.part, [-1, *moving])).sum())
        flow = [
            _followed(scene, camera, scene.names[part], start.point[start.part == part], instants)
            for part in moving
        ]
        worth[azimuth] = min(flow) * float(np.sqrt(still))
    return max(worth, key=lambda azimuth: worth[azimuth])


def _followed(
    scene: RayScene, camera: Camera, part: str, points: Array, instants: list[dict[str, Array]]
) -> float:
    """Pixels that visible ``points`` ``(n, 3)`` of a part move by, summed over the instants."""
    start, _ = camera.project(points)
    total = 0.0
    for poses in instants:
        now = apply(poses[part], points)
        shift = np.linalg.norm(camera.project(now)[0] - start, axis=1)
        total += float(shift[scene.sees(camera.position, now, poses)].sum())
    return total


def shots(options: Options, rig: Rig, front: float) -> Iterator[Shot]:
    """The pictures of a protocol, in the order they are written."""
    views, frames = options.static_views, options.frames
    if options.protocol != "mono":
        for i in range(views):
            yield Shot("static", i, rig.camera(front + 2 * np.pi * i / views), 0)
    if options.protocol == "orbit":
        for i in range(frames):
            yield Shot("orbit", i, rig.camera(front + 2 * np.pi * i / frames), i)
    if options.protocol == "multiview":
        for v in range(_FIXED_CAMERAS):
            camera = rig.camera(front + 2 * np.pi * v / _FIXED_CAMERAS)
            for i in range(frames):
                yield Shot(f"view{v}", i, camera, i)
    else:
        for i in range(frames):
            yield Shot("front", i, rig.camera(front), i)


def render_capture(model: Model, folder: Path, options: Options) -> None:
    """Write the pictures, ``transforms.json`` and truth of one object into ``folder``."""
    times = np.linspace(0.0, _DURATION_S, options.frames)
    trajectory = model.trajectory(options.frames)
    rich = options.texture == "rich"
    scene = RayScene(model.parts, seed=options.seed, size_m=model.diagonal, rich=rich)
    rig = Rig(model, trajectory, options.size)
    front = best_azimuth(scene, rig, model, trajectory)
    if folder.exists():
        shutil.rmtree(folder)
    entries: list[dict[str, object]] = []
    for shot in shots(options, rig, front):
        name = f"{shot.stream}/{shot.number:03d}.png"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = scene.picture(shot.camera, model.poses(trajectory[shot.instant]))
        Image.fromarray(picture).save(path, optimize=True)
        entries.append(
            {
                "file_path": name,
                "stream": shot.stream,
                "time": float(times[shot.instant]),
                "transform_matrix": _opengl(shot.camera).tolist(),
            }
        )
    camera = rig.camera(front)
    record = {
        "w": camera.width, "h": camera.height, "fl_x": camera.fx, "fl_y": camera.fy,
        "cx": camera.cx, "cy": camera.cy, "frames": entries,
    }  # fmt: skip
    (folder / "transforms.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    write_truth(_truth(model, scene, rig, times, trajectory, options), folder)


def _opengl(camera: Camera) -> Array:
    return camera.T_world_camera @ np.diag([1.0, -1.0, -1.0, 1.0])


def _truth(
    model: Model, scene: RayScene, rig: Rig, times: Array, trajectory: Array, options: Options
) -> Truth:
    poses = [model.poses(q) for q in trajectory]
    points, ids = _surface(model, scene, rig, options)
    return Truth(
        diagonal_m=model.diagonal,
        times_s=times,
        joints=tuple(
            TrueJoint(j.name, j.type, j.parent, j.child, j.axis, j.pivot, trajectory[:, i])
            for i, j in enumerate(model.joints)
        ),
        parts=scene.names,
        link_poses={name: np.stack([T[name] for T in poses]) for name in scene.names},
        points=points.astype(np.float32),
        point_parts=ids,
    )


def _surface(model: Model, scene: RayScene, rig: Rig, options: Options) -> tuple[Array, Array]:
    """Even samples of the surface that some view around the object sees at time zero."""
    meshes = [model.parts[name] for name in scene.names]
    area = sum(mesh.area for mesh in meshes)
    chunks = [
        trimesh.sample.sample_surface(
            mesh, max(64, round(options.points * mesh.area / area)), seed=options.seed + i
        )[0]
        for i, mesh in enumerate(meshes)
    ]
    points = np.concatenate(chunks)
    ids = np.repeat(np.arange(len(chunks), dtype=np.int16), [len(chunk) for chunk in chunks])
    rest = model.poses(np.zeros(len(model.joints)))
    seen = np.zeros(len(points), dtype=bool)
    for azimuth in np.radians(np.arange(0, 360, 15)):
        seen |= scene.sees(rig.camera(azimuth).position, points, rest)
    return points[seen], ids[seen]


def main(options: Options) -> None:
    """Render every chosen object."""
    if options.urdf is not None:
        model = load_urdf(options.urdf, only=options.joints)
        models = [replace(model, name=options.name or model.name)]
    else:
        names = options.objects or sorted(p.name for p in (_DATA / "assets_gt").iterdir())
        models = [load_exact(_DATA / "assets_gt" / name) for name in names]
    for model in models:
        render_capture(model, options.out / model.name, options)
        print(f"{model.name}: {options.out / model.name}", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))

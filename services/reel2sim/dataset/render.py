"""One object of a dataset: its pictures and all that is known about them, in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.batch.attempt import Made
from reel2sim.batch.pipeline_work import use_one_core
from reel2sim.dataset.figure import staged
from reel2sim.dataset.filters import measured, motion_magnitude, outside, reasons
from reel2sim.dataset.job import ObjectJob
from reel2sim.dataset.picture import Picture
from reel2sim.dataset.recipe import Staging, stage
from reel2sim.dataset.sheet import strip
from reel2sim.dataset.storing import STRIP_FILE, save_picture, write_json
from reel2sim.dataset.studio import MeshStudio, Studio, SurfelStudio
from reel2sim.exporters.staging import staged_folder
from reel2sim.pipeline.opening import open_scene
from reel2sim.pipeline.subject import Subject
from reel2sim.pipeline.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.world import Scene

OBJECT_FILE = "object.json"
MOTION_FILE = "motion.json"
CAMERA_FILE = "transforms.json"
_MOST = 65535
"""Of a 16-bit picture."""


def render_object(job: ObjectJob, folder: Path, scratch: Path) -> Made:
    """Draw one object; what the filters say of it is part of the result.

    The folder holds ``static``, ``moving`` and ``front``, with files for each view: ``0000.png``
    (RGBA), ``.alpha.png``, ``.depth.png`` (16 bits) and ``.index.png`` (parts); the cameras and
    times of all, joint states, figures and the verdict. Of a rejected object there are no
    pictures unless the recipe keeps them.

    Args:
        job: the object.
        folder: made, or replaced.
        scratch: not used.

    Raises:
        InputError: if the object cannot be read, or there is nothing of it to draw.
    """
    recipe = job.recipe
    source = Path(job.source)
    from_file = source.is_file() and source.suffix.lower() != ".npz"
    packages = {name: Path(path) for name, path in job.packages.items()}
    roots = [Path(root) for root in job.roots] if from_file else []
    scene, subject, swept = staged(open_scene(source, roots=roots, packages=packages))
    mesh = from_file if recipe.draw == "auto" else recipe.draw == "mesh"
    if not mesh:
        use_one_core()
    studio: Studio = MeshStudio(scene) if mesh else SurfelStudio(subject)
    times = np.linspace(subject.start_s, subject.stop_s, recipe.frames)
    framed = times[:1] if recipe.framing == "first" else times
    points = np.concatenate([studio.points(float(t)) for t in framed])
    staging = stage(recipe, points, times, key=job.content)
    shots, lost = _shoot(studio, staging)
    figures = measured(
        (
            (picture.rgba[..., 3], share)
            for name, some in shots.items()
            for picture, share in zip(some, lost[name], strict=True)
        ),
        motion=motion_magnitude(*(_rgba(shots[name]) for name in ("static", "moving"))),
    )
    why = reasons(figures, least_motion=recipe.least_motion, most_overflow=recipe.most_overflow)
    facts: dict[str, Any] = {
        "verdict": "rejected" if why else "passed",
        "why": "; ".join(why),
        **{name: round(value, 6) for name, value in asdict(figures).items()},
    }
    scale = _depth_scale(shots)
    record = {
        "id": job.id,
        "source": source.name,
        "content_sha256": job.content,
        **facts,
        "drawn_as": studio.kind,
        "joints_swept": swept,
        "depth_scale_m": scale,
        "center": staging.center.tolist(),
        "distance_m": staging.distance_m,
        "azimuth_deg": staging.azimuth_deg,
        "elevation_deg": staging.elevation_deg,
        "parts": [{"id": i + 1, "name": name} for i, name in enumerate(subject.part_names)],
        "recipe": asdict(recipe),
    }
    keep = recipe.keep_rejected or not why
    with staged_folder(folder, overwrite=True) as made:
        if keep:
            for name, some in shots.items():
                (made / name).mkdir()
                for view, picture in zip(staging.views[name], some, strict=True):
                    _write_views(made / view.name, picture, scale, len(subject.part_names))
            views = [view for some in staging.views.values() for view in some]
            write_json(made / CAMERA_FILE, _cameras(views, scale))
        write_json(made / MOTION_FILE, _states(scene, subject, times))
        write_json(made / OBJECT_FILE, record)
        save_picture(made / STRIP_FILE, strip({k: _rgba(some) for k, some in shots.items()}))
    joints = sum(len(asset.joints) for asset in scene.assets)
    return Made(joints=joints, facts=facts)


def _shoot(
    studio: Studio, staging: Staging
) -> tuple[dict[str, list[Picture]], dict[str, list[float]]]:
    """A picture for each view, and the share of the surface outside of it; both by series."""
    shots: dict[str, Picture] = {}
    lost: dict[str, float] = {}
    every = [view for views in staging.views.values() for view in views]
    for view in sorted(every, key=lambda view: view.time_s):
        shots[view.name] = studio.shot(view, front_deg=staging.azimuth_deg)
        lost[view.name] = outside(studio.points(view.time_s), view)
    return (
        {name: [shots[v.name] for v in views] for name, views in staging.views.items()},
        {name: [lost[v.name] for v in views] for name, views in staging.views.items()},
    )


def _depth_scale(shots: Mapping[str, Sequence[Picture]]) -> float:
    """Metres in one unit of a depth picture: the least power of two with which all fit."""
    farthest = max(float(picture.depth.max()) for some in shots.values() for picture in some)
    return float(2.0 ** np.ceil(np.log2(max(farthest, 1e-9) / _MOST)))


def _write_views(path: Path, picture: Picture, scale: float, parts: int) -> None:
    base = path.with_suffix("")
    save_picture(path, picture.rgba)
    save_picture(base.with_suffix(".alpha.png"), picture.rgba[..., 3])
    units = np.minimum(np.rint(picture.depth / scale), _MOST).astype(np.uint16)
    save_picture(base.with_suffix(".depth.png"), units)
    save_picture(
        base.with_suffix(".index.png"), picture.index.astype("u1" if parts < 256 else "u2")
    )


def _rgba(pictures: Sequence[Picture]) -> list[Array]:
    return [picture.rgba for picture in pictures]


def _cameras(views: Sequence[View], scale: float) -> dict[str, Any]:
    """All views in a capture's layout, so that the folder is one."""
    from reel2sim.scene.camera import camera_fields

    entries: list[dict[str, Any]] = []
    for view in views:
        stem = view.name.removesuffix(".png")
        entries.append(
            {
                "file_path": view.name,
                "mask_path": f"{stem}.alpha.png",
                "depth_file_path": f"{stem}.depth.png",
                "index_file_path": f"{stem}.index.png",
                "time": view.time_s,
                **camera_fields(view.camera),
            }
        )
    return {"camera_model": "OPENCV", "depth_unit_scale_factor": scale, "frames": entries}


def _states(scene: Scene, subject: Subject, times: Array) -> dict[str, Any]:
    """Joint positions and root poses at the time of each moving picture, asset by asset."""
    from reel2sim.scene.transforms import pose_to_vector

    assets: dict[str, Any] = {}
    for asset in scene.assets:
        samples = [asset.motion.sample(float(t)) for t in times]
        assets[asset.name] = {
            "base_pose": [pose_to_vector(T).tolist() for T, _ in samples],
            "joints": {
                joint.name: {
                    "type": joint.type.value,
                    "parent": joint.parent,
                    "child": joint.child,
                    "position": [q[joint.name] for _, q in samples],
                }
                for joint in asset.joints
            },
        }
    return {"times_s": times.tolist(), "assets": assets}

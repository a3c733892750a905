"""What really happened in a reel whose maker knows: joints, states, poses and surface points.

On disk it is ``truth.json`` beside ``truth_points.npz``. World frame, metres, seconds, radians.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.generation.archive import write_arrays
from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError, Reel2SimError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import apply, invert, pose_to_vector, vector_to_pose

_JSON, _POINTS = "truth.json", "truth_points.npz"
_UNLIMITED = (-np.inf, np.inf)


@dataclass(frozen=True, eq=False)
class TrueJoint:
    """A joint that moved, or could have, as it stood at the first time.

    Attributes:
        name: unique name.
        type: kind of joint.
        parent: part it hangs on.
        child: part it moves.
        axis: unit direction ``(3,)``, world frame at the first time.
        pivot: a point on the axis ``(3,)``, metres, world frame at the first time.
        positions: radians or metres ``(t,)``, relative to the first time, so the first is 0.
        limits: smallest and largest position, relative to the first time too; infinite where
            nothing stops it, or where the maker of the truth did not say.
    """

    name: str
    type: JointType
    parent: str
    child: str
    axis: Array
    pivot: Array
    positions: Array
    limits: tuple[float, float] = _UNLIMITED

    def __post_init__(self) -> None:
        axis = checked("TrueJoint.axis", self.axis, (3,))
        if abs(float(np.linalg.norm(axis)) - 1.0) > 1e-6:
            raise InputError("axis is not a unit vector", source=self.name)
        positions = checked("TrueJoint.positions", self.positions, ("t",))
        if len(positions) and abs(positions[0]) > 1e-9:
            raise InputError("positions must start at 0", source=self.name)
        lower, upper = (float(limit) for limit in self.limits)
        if not lower <= upper:
            raise InputError("limits do not ascend", source=self.name)
        assign(
            self,
            type=JointType(self.type),
            axis=axis,
            pivot=checked("TrueJoint.pivot", self.pivot, (3,)),
            positions=positions,
            limits=(lower, upper),
        )


@dataclass(frozen=True, eq=False)
class Truth:
    """The state of an articulated object over a reel.

    Attributes:
        diagonal_m: bounding box diagonal of the object at the first time, metres.
        times_s: distinct times of the reel ``(t,)``, ascending.
        joints: the movable joints.
        parts: names of the rigid parts.
        link_poses: for each part ``T_world_part`` ``(t, 4, 4)``.
        points: surface samples at the first time ``(n, 3)`` float32, world frame, metres.
        point_parts: index into ``parts`` for each point ``(n,)`` int16.
    """

    diagonal_m: float
    times_s: Array
    joints: tuple[TrueJoint, ...]
    parts: tuple[str, ...]
    link_poses: Mapping[str, Array]
    points: Array
    point_parts: Array

    def __post_init__(self) -> None:
        times = checked("Truth.times_s", self.times_s, ("t",))
        if len(times) == 0 or (np.diff(times) <= 0).any():
            raise InputError("must ascend and not be empty", source="Truth.times_s")
        t = len(times)
        if set(self.link_poses) != set(self.parts):
            raise InputError("names other parts than `parts`", source="Truth.link_poses")
        poses = {
            name: checked(f"Truth.link_poses[{name}]", self.link_poses[name], (t, 4, 4))
            for name in self.parts
        }
        for joint in self.joints:
            if len(joint.positions) != t:
                raise InputError(
                    f"has {len(joint.positions)} positions for {t} times", source=joint.name
                )
            if not {joint.parent, joint.child} <= set(self.parts):
                raise InputError("joins parts that are not there", source=joint.name)
        points = checked("Truth.points", self.points, ("n", 3), dtype=np.float32)
        ids = checked("Truth.point_parts", self.point_parts, (len(points),), dtype=np.int16)
        if len(ids) and (ids.min() < 0 or ids.max() >= len(self.parts)):
            raise InputError("names a part that is not there", source="Truth.point_parts")
        assign(self, times_s=times, link_poses=poses, points=points, point_parts=ids)

    def points_at(self, index: int) -> Array:
        """Where the surface samples are at ``times_s[index]``: ``(n, 3)``, metres."""
        moved = np.empty((len(self.points), 3))
        for i, name in enumerate(self.parts):
            own = self.point_parts == i
            T = self.link_poses[name]
            moved[own] = apply(T[index] @ invert(T[0]), self.points[own])
        return moved


def write_truth(truth: Truth, folder: Path) -> None:
    """Write ``truth.json`` and ``truth_points.npz`` into ``folder``, which is made if missing.

    The same truth gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "diagonal_m": float(truth.diagonal_m),
        "times_s": truth.times_s.tolist(),
        "joints": [
            {
                "name": joint.name,
                "type": joint.type.value,
                "parent": joint.parent,
                "child": joint.child,
                "axis": joint.axis.tolist(),
                "pivot": joint.pivot.tolist(),
                "positions": joint.positions.tolist(),
                "limits": [x if np.isfinite(x) else None for x in joint.limits],
            }
            for joint in truth.joints
        ],
        "parts": list(truth.parts),
        "link_poses": {
            name: pose_to_vector(poses)[:, [0, 1, 2, 4, 5, 6, 3]].tolist()
            for name, poses in truth.link_poses.items()
        },
    }
    (folder / _JSON).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    write_arrays(folder / _POINTS, {"points": truth.points, "part": truth.point_parts})


def load_truth(folder: Path) -> Truth:
    """Read what :func:`write_truth` wrote.

    Raises:
        InputError: if a file is missing or malformed.
    """
    path = folder / _JSON
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        with np.load(folder / _POINTS, allow_pickle=False) as arrays:
            points, ids = arrays["points"], arrays["part"]
        return Truth(
            diagonal_m=float(record["diagonal_m"]),
            times_s=record["times_s"],
            joints=tuple(_stored_joint(**joint) for joint in record["joints"]),
            parts=tuple(record["parts"]),
            link_poses={
                name: vector_to_pose(np.array(rows)[:, [0, 1, 2, 6, 3, 4, 5]])
                for name, rows in record["link_poses"].items()
            },
            points=points,
            point_parts=ids,
        )
    except Reel2SimError:
        raise
    except OSError as cause:
        raise InputError(f"cannot be read: {cause}", source=folder) from cause
    except (ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as cause:
        raise InputError(f"is not a truth file: {cause}", source=path) from cause


def _stored_joint(limits: Sequence[float | None] = (None, None), **fields: Any) -> TrueJoint:
    """A joint of a file, which has null where there is no limit."""
    pairs = zip(limits, _UNLIMITED, strict=True)
    lower, upper = (open_ if limit is None else limit for limit, open_ in pairs)
    return TrueJoint(**fields, limits=(lower, upper))

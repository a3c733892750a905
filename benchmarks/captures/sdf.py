"""Articulated models from SDF files, as PyBullet reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from captures.models import Model, ModelJoint, clean, load_mesh, travel_of
from scipy.spatial.transform import Rotation

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import invert, pose

_PROBE = 0.1
"""Radians or metres by which a joint is moved to see its axis."""


def load_sdf(path: Path, *, only: tuple[str, ...] = ()) -> Model:
    """Read the first model of an SDF file: links welded together become one part.

    Args:
        path: the file; its meshes are found beside it.
        only: joints that move; the others are welded. Empty: all that can.

    Raises:
        InputError: if the file cannot be read, a joint in ``only`` is not there, a moving part
            has no geometry or a shape is of an unknown kind.
    """
    with _loaded(path) as (bullet, body):
        infos = [bullet.getJointInfo(body, i) for i in range(bullet.getNumJoints(body))]
        kinds = {
            bullet.JOINT_REVOLUTE: JointType.REVOLUTE,
            bullet.JOINT_PRISMATIC: JointType.PRISMATIC,
        }
        movable = {info[1].decode(): info for info in infos if info[2] in kinds}
        if set(only) - set(movable):
            names = sorted(set(only) - set(movable))
            raise InputError(f"has no moving joints {names}", source=path)
        moving = {info[0] for name, info in movable.items() if not only or name in only}
        parts: dict[int, list[trimesh.Trimesh]] = {}
        for shape in bullet.getVisualShapeData(body):
            link = shape[1]
            mesh = _shape(bullet, shape, path).apply_transform(_pose(bullet, body, link))
            while link not in moving and link >= 0:
                link = infos[link][16]
            parts.setdefault(link, []).append(mesh)
        names = {info[0]: info[12].decode() for info in infos}
        names[-1] = bullet.getBodyInfo(body)[0].decode()
        joints = []
        for index in sorted(moving):
            info = infos[index]
            parent = info[16]
            while parent not in moving and parent >= 0:
                parent = infos[parent][16]
            if index not in parts or parent not in parts:
                raise InputError(
                    "joins a part without geometry", source=path, field=info[1].decode()
                )
            kind = kinds[info[2]]
            axis, pivot = _screw(bullet, body, index, kind)
            low, high = info[8:10] if info[9] > info[8] else (-np.pi / 2, np.pi / 2)
            joints.append(
                ModelJoint(
                    name=info[1].decode(),
                    type=kind,
                    parent=names[parent],
                    child=names[index],
                    axis=axis,
                    pivot=pivot,
                    travel=travel_of(low, high, start=0.0, turn=kind is JointType.REVOLUTE),
                    bounds=(low, high),
                )
            )
    made = {names[i]: clean(trimesh.util.concatenate(found)) for i, found in parts.items()}
    return Model(path.stem, made, tuple(joints))


@contextmanager
def _loaded(path: Path) -> Iterator[tuple[Any, int]]:
    """A physics client and the body in it."""
    import pybullet
    from pybullet_utils.bullet_client import BulletClient

    client: Any = BulletClient(pybullet.DIRECT)
    try:
        bodies = client.loadSDF(str(path)) if path.is_file() else ()
    except pybullet.error as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    if not bodies:
        raise InputError("holds no model", source=path)
    try:
        yield client, bodies[0]
    finally:
        client.disconnect()


def _pose(bullet: Any, body: int, link: int) -> Array:
    """``T_world_link`` in the present state; −1 is the base."""
    if link >= 0:
        state = bullet.getLinkState(body, link, computeForwardKinematics=True)
        return _matrix(state[4], state[5])
    inertial = bullet.getDynamicsInfo(body, -1)
    world = _matrix(*bullet.getBasePositionAndOrientation(body))
    return world @ invert(_matrix(inertial[3], inertial[4]))


def _matrix(position: Any, xyzw: Any) -> Array:
    return pose(Rotation.from_quat(xyzw).as_matrix(), np.array(position))


def _screw(bullet: Any, body: int, joint: int, kind: JointType) -> tuple[Array, Array]:
    """Axis and a point on it, world frame, from what the joint does to its link."""
    rest = _pose(bullet, body, joint)
    bullet.resetJointState(body, joint, _PROBE)
    T = _pose(bullet, body, joint) @ invert(rest)
    bullet.resetJointState(body, joint, 0.0)
    if kind is JointType.PRISMATIC:
        return T[:3, 3] / np.linalg.norm(T[:3, 3]), rest[:3, 3].copy()
    turn = Rotation.from_matrix(T[:3, :3]).as_rotvec()
    pivot = np.linalg.lstsq(np.eye(3) - T[:3, :3], T[:3, 3], rcond=1e-6)[0]
    return turn / np.linalg.norm(turn), pivot


def _shape(bullet: Any, shape: Any, path: Path) -> trimesh.Trimesh:
    """A visual shape in the frame of its link."""
    kind, size, file = shape[2], shape[3], shape[4].decode()
    if kind == bullet.GEOM_MESH:
        mesh = load_mesh(Path(file)).apply_scale(size)
    elif kind == bullet.GEOM_BOX:
        mesh = trimesh.creation.box(size)
    elif kind == bullet.GEOM_CYLINDER:
        mesh = trimesh.creation.cylinder(radius=size[1], height=size[0])
    elif kind == bullet.GEOM_SPHERE:
        mesh = trimesh.creation.icosphere(radius=size[0])
    else:
        raise InputError(f"has a shape of an unknown kind ({kind})", source=path)
    return mesh.apply_transform(_matrix(shape[5], shape[6]))

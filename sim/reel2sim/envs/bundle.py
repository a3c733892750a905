"""Loading a bundle: the three files an environment needs, checked against each other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.envs.description import EXPORT_AGAIN, JointDescription, read_joints
from reel2sim.scene import JointType, Motion
from reel2sim.scene.errors import BundleError, InputError
from reel2sim.scene.transforms import vector_to_pose

SCHEMA_VERSION = 1
"""Layout of ``manifest.json`` this reader understands."""

_LIMIT_SLACK = 1e-3
"""How far a recovered position may leave its joint's limits: radians or metres."""


@dataclass(frozen=True)
class BundleJoint:
    """A movable joint of a bundle.

    Attributes:
        description: type, limits and drive from ``scene.urdf``.
        confidence: probability that type and axis are right, 0..1.
        observed: whether the reel showed how it moves.
    """

    description: JointDescription
    confidence: float
    observed: bool

    @property
    def name(self) -> str:
        """Name of the joint."""
        return self.description.name


@dataclass(frozen=True, eq=False)
class LoadedBundle:
    """A bundle whose files are there and agree.

    Attributes:
        root: the folder, absolute.
        name: name of the object.
        fixed_base: whether the root stood still for the whole reel.
        joints: movable joints, in the order of ``scene.urdf``.
        motion: base poses and positions of the movable joints, world frame of the reel.
    """

    root: Path
    name: str
    fixed_base: bool
    joints: tuple[BundleJoint, ...]
    motion: Motion

    @property
    def urdf(self) -> Path:
        """The robot description."""
        return self.root / "scene.urdf"


def load_bundle(folder: str | Path) -> LoadedBundle:
    """Read and check ``manifest.json``, ``scene.urdf`` and ``motion.json`` of a bundle.

    Raises:
        BundleError: naming the file and field that is wrong and what to do about it.
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise BundleError(
            "is not a folder", source=root, remedy="give the folder that `reel2sim run` wrote"
        )
    if (root / "scene.json").is_file():
        raise BundleError(
            "is a scene of several assets, and an environment is of one",
            source=root,
            remedy="give the bundle of one of them, in its folder assets",
        )
    for name in ("manifest.json", "scene.urdf", "motion.json"):
        if not (root / name).is_file():
            raise BundleError(
                "is missing", source=root / name, remedy="give a bundle folder, or export it again"
            )
    manifest = read_json(root / "manifest.json")
    name, fixed_base = _read_manifest(manifest, root / "manifest.json")
    described = read_joints(root / "scene.urdf")
    motion_path = root / "motion.json"
    record = read_json(motion_path)
    joints = _read_joints(entry(record, "joints", dict, motion_path), described, motion_path)
    motion = _read_motion(record, joints, motion_path)
    _require_within_limits(joints, motion, motion_path)
    return LoadedBundle(root, name, fixed_base, joints, motion)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        BundleError: if there is none.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as fault:
        raise BundleError(f"is not JSON: {fault}", source=path, remedy=EXPORT_AGAIN) from None
    if not isinstance(record, dict):
        raise BundleError("is not a JSON object", source=path, remedy=EXPORT_AGAIN)
    return record


def entry(record: Any, key: str, kind: type | tuple[type, ...], path: Path, at: str = "") -> Any:
    """``record[key]`` if it is of ``kind``; ``at`` says where in the file ``record`` is.

    Raises:
        BundleError: if it is missing or of another kind.
    """
    field = f"{at}.{key}" if at else key
    value = record.get(key) if isinstance(record, dict) else None
    # JSON's true is an int to Python.
    wrong_bool = isinstance(value, bool) and kind is not bool
    if not isinstance(value, kind) or wrong_bool:
        fault = "is missing" if value is None else f"has the wrong type {type(value).__name__}"
        raise BundleError(fault, source=path, field=field, remedy=EXPORT_AGAIN)
    return value


def _read_manifest(manifest: dict[str, Any], path: Path) -> tuple[str, bool]:
    schema = entry(manifest, "schema_version", int, path)
    if schema != SCHEMA_VERSION:
        raise BundleError(
            f"is {schema}, this version reads {SCHEMA_VERSION}",
            source=path,
            field="schema_version",
            remedy="export the bundle again with the installed version",
        )
    asset = entry(manifest, "asset", dict, path)
    name = entry(asset, "name", str, path, "asset")
    return name, entry(asset, "fixed_base", bool, path, "asset")


def _read_joints(
    records: dict[str, Any], described: tuple[JointDescription, ...], path: Path
) -> tuple[BundleJoint, ...]:
    names = {joint.name for joint in described}
    for name in records:
        if name not in names:
            raise BundleError(
                "is a joint that scene.urdf does not have",
                source=path,
                field=f"joints.{name}",
                remedy=EXPORT_AGAIN,
            )
    found: list[BundleJoint] = []
    for joint in described:
        at = f"joints.{joint.name}"
        if joint.type is JointType.FIXED:
            continue
        record = entry(records, joint.name, dict, path, "joints")
        kind = entry(record, "type", str, path, at)
        if kind != joint.type.value:
            raise BundleError(
                f"is {kind!r}, but {joint.type.value!r} in scene.urdf",
                source=path,
                field=f"{at}.type",
                remedy=EXPORT_AGAIN,
            )
        confidence = float(entry(record, "confidence", (int, float), path, at))
        if not 0.0 <= confidence <= 1.0:
            raise BundleError(
                f"is {confidence}, expected 0..1",
                source=path,
                field=f"{at}.confidence",
                remedy=EXPORT_AGAIN,
            )
        found.append(BundleJoint(joint, confidence, entry(record, "observed", bool, path, at)))
    return tuple(found)


def _read_motion(record: dict[str, Any], joints: tuple[BundleJoint, ...], path: Path) -> Motion:
    times = _numbers(entry(record, "times_s", list, path), (-1,), path, "times_s")
    count = len(times)
    base = _numbers(entry(record, "base_pose", list, path), (count, 7), path, "base_pose")
    if np.any(np.abs(np.linalg.norm(base[:, 3:], axis=1) - 1.0) > 1e-3):
        raise BundleError(
            "has a quaternion that is not of length 1",
            source=path,
            field="base_pose",
            remedy=EXPORT_AGAIN,
        )
    positions: dict[str, np.ndarray] = {}
    for joint in joints:
        field = f"joints.{joint.name}.position"
        samples = entry(
            record["joints"][joint.name], "position", list, path, f"joints.{joint.name}"
        )
        positions[joint.name] = _numbers(samples, (count,), path, field)
    try:
        return Motion(times, vector_to_pose(base), positions)
    except InputError as fault:
        raise BundleError(
            fault.message, source=path, field="times_s", remedy=EXPORT_AGAIN
        ) from None


def _numbers(values: list[Any], shape: tuple[int, ...], path: Path, field: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.full(1, np.nan)
    wanted = tuple(len(values) if n < 0 else n for n in shape)
    if not np.isfinite(array).all():
        raise BundleError(
            "holds something that is not a finite number",
            source=path,
            field=field,
            remedy=EXPORT_AGAIN,
        )
    if array.shape != wanted:
        raise BundleError(
            f"has shape {array.shape}, expected {wanted}",
            source=path,
            field=field,
            remedy=EXPORT_AGAIN,
        )
    return array


def _require_within_limits(joints: tuple[BundleJoint, ...], motion: Motion, path: Path) -> None:
    for joint in joints:
        q, limits = motion.positions[joint.name], joint.description
        if q.min() < limits.lower - _LIMIT_SLACK or q.max() > limits.upper + _LIMIT_SLACK:
            raise BundleError(
                f"moves over {q.min():.4g}..{q.max():.4g}, beyond the limits "
                f"{limits.lower:.4g}..{limits.upper:.4g} in scene.urdf",
                source=path,
                field=f"joints.{joint.name}.position",
                remedy="widen the limits, or export the bundle again",
            )

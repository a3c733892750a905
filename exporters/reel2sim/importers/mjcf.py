"""MJCF files as descriptions, by MuJoCo's own compiler.

MuJoCo resolves defaults, classes and inertia better than any other reader, but opens whatever file
a model names. So every name is looked at first, and nothing outside the roots reaches it.
"""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from reel2sim.exporters.mjcf import FIXED_JOINTS, LINK_ORDER
from reel2sim.exporters.names import Distinct
from reel2sim.importers import shapes
from reel2sim.importers.chains import Axis, chained
from reel2sim.importers.description import DescribedJoint, DescribedLink, Description
from reel2sim.importers.roots import Roots
from reel2sim.scene import Inertial, JointType, Mimic, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import matrix_from_quaternion, pose

_FOLDERS = ("meshdir", "texturedir", "assetdir")
_MOST_BYTES = 64 * 2**20


def read_mjcf(path: Path, roots: Roots) -> Description:
    """Read the MJCF at ``path``; positions count from where the model stands at rest (``qpos0``).

    Args:
        path: the file.
        roots: where everything it names may be.

    Raises:
        InputError: if it is no MJCF, names files outside of the roots, or has parts that no tree of
            hinges and slides can say.
    """
    import mujoco

    _check_files(path, roots, path.parent, set())
    mujoco.set_mju_user_warning(lambda text: None)
    try:
        model = mujoco.MjModel.from_xml_path(str(path))
    except Exception as cause:  # MuJoCo raises ValueError and its own fatal errors
        text = " ".join(str(cause).split())[:300]
        raise InputError(f"MuJoCo refuses it: {text}", source=path) from cause
    return _Reader(path, model).description()


def _check_files(path: Path, roots: Roots, home: Path, seen: set[Path]) -> None:
    """Look at every file that a model, or one that it includes, names.

    MuJoCo's parser and ours must understand the same, so what only one of them does is refused.
    """
    if path.resolve() in seen:
        return
    seen.add(path.resolve())
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"is over {_MOST_BYTES // 2**20} MiB", source=path)
        text = path.read_bytes()
        if b"\0" in text or b"<!" in text.replace(b"<!--", b""):
            raise InputError("has a document type or is not UTF-8", source=path)
        root = ET.fromstring(text)
    except (OSError, ET.ParseError, ValueError, LookupError) as cause:
        raise InputError(f"is not XML: {cause}", source=path) from cause
    if not seen - {path.resolve()} and root.tag != "mujoco":
        raise InputError(f"its root element is <{root.tag}>, not <mujoco>", source=path)
    folders = [home, path.parent]
    for compiler in root.iter("compiler"):
        folders += [home / compiler.get(key, "") for key in _FOLDERS]
    for element in root.iter():
        for key, name in element.attrib.items():
            if key.startswith("file") or (key == "plugin" and "/" in name):
                _check_name(name, roots, folders)
        if element.tag == "include":
            for folder in (home, path.parent):
                included = folder / element.get("file", "")
                if included.is_file():
                    _check_files(included, roots, home, seen)


def _check_name(name: str, roots: Roots, folders: list[Path]) -> None:
    """Refuse a name that leaves the roots from any folder MuJoCo may look in."""
    for folder in folders:
        if not roots.holds(folder / name):
            raise InputError(
                "is outside of the folders that may be read",
                source=name,
                remedy="give its folder as a root if you trust the description",
            )


class _Reader:
    """Turns a compiled model into links and joints, and keeps notes."""

    def __init__(self, path: Path, model: Any) -> None:
        self.path, self.model = path, model
        self.notes: list[str] = []
        self.names = {0: "world"} | {
            b: model.body(b).name or f"body_{b}" for b in range(1, model.nbody)
        }
        self.joint_names = {
            j: model.joint(j).name or f"{self.names[int(model.jnt_bodyid[j])]}_joint_{j}"
            for j in range(model.njnt)
        }
        self.taken = Distinct(self.joint_names.values())
        self.texts = self._texts()
        words = (word.partition(":") for word in self.texts.get(FIXED_JOINTS, "").split())
        self.fixed_names = {body: joint for body, _, joint in words if joint}
        self.anchors: dict[int, Array] = {0: np.zeros(3)}
        self.links: list[DescribedLink] = []
        self.joints: list[DescribedJoint] = []

    def description(self) -> Description:
        """Everything; the world itself is the root where something moves against it."""
        model = self.model
        for count, what in ((model.ntendon, "tendons"), (model.nflex, "flexes")):
            if count:
                self.notes.append(f"{count} {what} are left out")
        tops = [b for b in range(1, model.nbody) if model.body_parentid[b] == 0]
        if not tops:
            raise InputError("has no body", source=self.path)
        alone = len(tops) == 1 and not self._geoms(0)
        first = self._joints_of(tops[0])
        free = [b for b in tops if self._is_free(b)]
        if free and not alone:
            raise InputError(
                f"{self.names[free[0]]} is free beside other bodies",
                source=self.path,
                remedy="make a file of it alone: an asset is one tree",
            )
        rooted = alone and (not first or bool(free))
        T_world_root = np.eye(4)
        if rooted:
            T_world_root = self._frame(tops[0])
        else:
            self.links.append(self._link(0))
        for body in range(1, model.nbody):
            self._body(body, root=rooted and body == tops[0])
        return Description(
            self._model_name(),
            self._ordered(),
            tuple(self.joints),
            fixed_base=not free,
            T_world_root=T_world_root,
            notes=tuple(self.notes),
            apart=self._excluded(),
        )

    def _texts(self) -> dict[str, str]:
        import mujoco

        model, found = self.model, {}
        for i in range(model.ntext):
            name = mujoco.mj_id2name(model, int(mujoco.mjtObj.mjOBJ_TEXT), i) or ""
            start, size = int(model.text_adr[i]), int(model.text_size[i])
            data = bytes(model.text_data[start : start + size])
            found[name] = data.split(b"\0", 1)[0].decode("utf-8", "replace")
        return found

    def _ordered(self) -> tuple[DescribedLink, ...]:
        """The links as a text of the file orders them; those it leaves out come last."""
        place = {name: i for i, name in enumerate(self.texts.get(LINK_ORDER, "").split())}
        return tuple(sorted(self.links, key=lambda link: place.get(link.name, len(place))))

    def _fixed_name(self, body: str) -> str:
        """Bodies have no joint that holds them; a text of the file may name it all the same."""
        return self.taken.name(self.fixed_names.pop(body, f"{body}_fixed"))

    def _model_name(self) -> str:
        name = bytes(self.model.names).split(b"\0", 1)[0].decode("utf-8", "replace")
        return name if name and name != "MuJoCo Model" else self.path.stem

    def _joints_of(self, body: int) -> list[int]:
        start = int(self.model.body_jntadr[body])
        return list(range(start, start + int(self.model.body_jntnum[body])))

    def _is_free(self, body: int) -> bool:
        import mujoco

        free = int(mujoco.mjtJoint.mjJNT_FREE)
        return any(self.model.jnt_type[j] == free for j in self._joints_of(body))

    def _frame(self, body: int) -> Array:
        R = matrix_from_quaternion(self.model.body_quat[body])
        return pose(R, self.model.body_pos[body])

    def _body(self, body: int, *, root: bool) -> None:
        """A body with its joints; hubs between them where it has several."""
        axes = [] if root else self._axes(body)
        self.anchors[body] = axes[-1].anchor if axes else np.zeros(3)
        if not root:
            above = int(self.model.body_parentid[body])
            T = pose(np.eye(3), -self.anchors[above]) @ self._frame(body)
            self._chain(body, self.names[above], T, axes)
        self.links.append(self._link(body))

    def _chain(self, body: int, parent: str, T: Array, axes: list[Axis]) -> None:
        name = self.names[body]
        if not axes:
            self.joints.append(
                DescribedJoint(
                    self._fixed_name(name), JointType.FIXED, parent, name, T_parent_child=T
                )
            )
            return
        mass, moments = float(self.model.body_mass[body]), self.model.body_inertia[body]
        joints, hubs = chained(parent, name, T, axes, mass=mass, moment=float(moments.max()))
        self.joints += joints
        self.links += hubs

    def _axes(self, body: int) -> list[Axis]:
        """Each axis on which a body moves, outermost first."""
        import mujoco

        found: list[Axis] = []
        for j in self._joints_of(body):
            model, name = self.model, self.joint_names[j]
            anchor = np.array(model.jnt_pos[j])
            if model.jnt_type[j] == int(mujoco.mjtJoint.mjJNT_BALL):
                self.notes.append(f"{name} is a ball joint; three hinges stand in for it")
                for letter, axis in zip("xyz", np.eye(3), strict=True):
                    joint = self._joint(j, f"{name}_{letter}", JointType.CONTINUOUS, axis)
                    found.append(Axis(joint, anchor))
                continue
            hinge = model.jnt_type[j] == int(mujoco.mjtJoint.mjJNT_HINGE)
            bounded = bool(model.jnt_limited[j])
            kind = JointType.PRISMATIC
            if hinge:
                kind = JointType.REVOLUTE if bounded else JointType.CONTINUOUS
            found.append(Axis(self._joint(j, name, kind, np.array(model.jnt_axis[j])), anchor))
        return found

    def _joint(self, j: int, name: str, kind: JointType, axis: Array) -> DescribedJoint:
        """Joint ``j`` or a part of it, between bodies yet to be named."""
        model = self.model
        bounds = None
        start = float(model.qpos0[model.jnt_qposadr[j]])
        if model.jnt_limited[j] and kind is not JointType.CONTINUOUS:
            low, high = (float(v) - start for v in model.jnt_range[j])
            bounds = (low, high)
        elif kind is JointType.PRISMATIC:
            reach = float(model.stat.extent)
            bounds = (-reach, reach)
            self.notes.append(f"{name} has no range; {reach:.3g} m either way is assumed")
        return DescribedJoint(
            name,
            kind,
            parent="",
            child="",
            axis=axis,
            bounds=bounds,
            effort=self._effort(j),
            damping=float(model.dof_damping[model.jnt_dofadr[j]].flat[0]),
            friction=float(model.dof_frictionloss[model.jnt_dofadr[j]]),
            mimic=self._mimic(j),
        )

    def _effort(self, j: int) -> float | None:
        """The largest force of a joint: its own limit, or what its motors can give."""
        import mujoco

        model = self.model
        if model.jnt_actfrclimited[j]:
            return float(np.abs(model.jnt_actfrcrange[j]).max())
        motors = [
            float(np.abs(model.actuator_ctrlrange[a] * model.actuator_gear[a, 0]).max())
            for a in range(model.nu)
            if model.actuator_trntype[a] == int(mujoco.mjtTrn.mjTRN_JOINT)
            and model.actuator_trnid[a, 0] == j
            and model.actuator_ctrllimited[a]
            and model.actuator_biastype[a] == int(mujoco.mjtBias.mjBIAS_NONE)
        ]
        return max(motors, default=None)

    def _mimic(self, j: int) -> Mimic | None:
        """The joint that an equality ties this one to, if by a line."""
        import mujoco

        model = self.model
        for e in range(model.neq):
            tied = model.eq_type[e] == int(mujoco.mjtEq.mjEQ_JOINT) and model.eq_obj1id[e] == j
            leader = int(model.eq_obj2id[e])
            if not tied or leader < 0 or not model.eq_active0[e]:
                continue
            offset, multiplier, *bent = (float(v) for v in model.eq_data[e][:5])
            if any(bent) or multiplier == 0:
                self.notes.append(f"{self.joint_names[j]} follows another by a curve; left out")
                continue
            return Mimic(self.joint_names[leader], multiplier, offset)
        return None

    def _excluded(self) -> tuple[tuple[str, str], ...]:
        signatures = [int(s) for s in self.model.exclude_signature]
        return tuple((self.names[s >> 16], self.names[s & 0xFFFF]) for s in signatures)

    def _link(self, body: int) -> DescribedLink:
        model = self.model
        away = self.anchors[body]
        drawn: list[TriangleMesh] = []
        solid: list[TriangleMesh] = []
        friction: float | None = None
        for geom in self._geoms(body):
            mesh = self._shape(geom, away)
            collides = bool(model.geom_contype[geom] or model.geom_conaffinity[geom])
            (solid if collides else drawn).append(mesh)
            if collides and friction is None:
                friction = float(model.geom_friction[geom, 0])
        inertial = None
        if body and model.body_mass[body] > 0:
            R = matrix_from_quaternion(model.body_iquat[body])
            tensor = R @ np.diag(model.body_inertia[body]) @ R.T
            center = np.array(model.body_ipos[body]) - away
            try:
                inertial = Inertial(float(model.body_mass[body]), center, (tensor + tensor.T) / 2)
            except InputError as cause:
                self.notes.append(f"{self.names[body]}: {cause.message}")
        # Models of primitives draw what collides.
        return DescribedLink(
            self.names[body], tuple(drawn or solid), tuple(solid), inertial, friction=friction
        )

    def _geoms(self, body: int) -> list[int]:
        """Shapes with an inside; ground planes and height fields have none."""
        import mujoco

        endless = (int(mujoco.mjtGeom.mjGEOM_PLANE), int(mujoco.mjtGeom.mjGEOM_HFIELD))
        start, count = int(self.model.body_geomadr[body]), int(self.model.body_geomnum[body])
        return [g for g in range(start, start + count) if self.model.geom_type[g] not in endless]

    def _shape(self, geom: int, away: Array) -> TriangleMesh:
        model = self.model
        T = pose(matrix_from_quaternion(model.geom_quat[geom]), model.geom_pos[geom] - away)
        material = int(model.geom_matid[geom])
        rgba = model.mat_rgba[material] if material >= 0 else model.geom_rgba[geom]
        return shapes.placed(self._mesh(geom), T, np.ones(3), np.array(rgba[:3], np.float64))

    def _mesh(self, geom: int) -> trimesh.Trimesh:
        import mujoco

        model, kinds = self.model, mujoco.mjtGeom
        kind, size = int(model.geom_type[geom]), np.array(model.geom_size[geom])
        if kind == int(kinds.mjGEOM_MESH):
            mesh = int(model.geom_dataid[geom])
            v, n = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
            f, m = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
            return trimesh.Trimesh(
                model.mesh_vert[v : v + n], model.mesh_face[f : f + m], process=False
            )
        if kind == int(kinds.mjGEOM_BOX):
            return shapes.box(2 * size)
        if kind == int(kinds.mjGEOM_CYLINDER):
            return shapes.cylinder(size[0], 2 * size[1])
        if kind == int(kinds.mjGEOM_CAPSULE):
            return shapes.capsule(size[0], 2 * size[1])
        if kind == int(kinds.mjGEOM_SPHERE):
            return shapes.sphere(size[0])
        if kind == int(kinds.mjGEOM_ELLIPSOID):
            ball = shapes.sphere(1.0)
            ball.apply_scale(size)
            return ball
        raise InputError("has a shape that is no solid", source=self.path, field=f"geom {geom}")

"""Whether Newton poses a stage as USD and the URDF do, and can step it.

Runs where Newton is. ``newton_agrees.py REPORT STAGE [URDF]`` writes findings to REPORT as JSON.
Without a URDF (a stage of several assets) random states are left out.

Newton's MuJoCo solver must stay finite. Its two explicit ones blow up on some robots at this step,
from whatever file they come; what they and the URDF do is noted.
"""

import json
import sys
import warnings
from pathlib import Path

import newton
import numpy as np
import warp as wp
import yourdfpy
from pxr import Usd, UsdGeom, UsdPhysics

STATES, STEPS, TOLERANCE, STEP_S = 20, 200, 1e-5, 1.0 / 240.0
EXPLICIT = ("SolverFeatherstone", "SolverXPBD")


def main(report: str, stage: str, urdf: str = "") -> None:
    wp.config.quiet = True
    findings, notes = [], []
    name = Path(stage).name

    def note(message: str, where: str = name) -> None:
        findings.append({"where": where, "message": message})

    builder = newton.ModelBuilder()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        builder.add_usd(stage)
        model = builder.finalize(device="cpu")
    for message in dict.fromkeys(str(w.message) for w in told if "Newton" in w.category.__name__):
        note(f"warns: {message}")
    made, solid = builder.shape_count, colliders(stage)
    flag = newton.ShapeFlags.COLLIDE_SHAPES
    working = sum(bool(flags & flag) for flags in builder.shape_flags)
    if working != solid:
        note(f"{working} of {made} shapes collide; the stage has {solid} colliders")
    gap = distance(poses(model, builder), authored(stage, builder))
    notes.append(f"authored state within {gap:.1e}")
    if not gap <= TOLERANCE:
        note(f"links are posed {gap:.2e} from where the stage has them")
    if urdf:
        gap = against_urdf(model, builder, urdf)
        notes.append(f"{STATES} random states within {gap:.1e} of the URDF")
        if not gap <= TOLERANCE:
            note(f"links are posed {gap:.2e} from where the URDF has them")
    fault = stepped(model, "SolverMuJoCo", use_mujoco_cpu=True)
    if fault:
        note(f"SolverMuJoCo: {fault}")
    for solver in EXPLICIT:
        fault = stepped(model, solver)
        if fault and urdf:
            fault += f" (from the URDF: {stepped(from_urdf(urdf, builder), solver) or 'finite'})"
        if fault:
            notes.append(f"{solver}: {fault}")
    Path(report).write_text(json.dumps({"findings": findings, "notes": notes}), encoding="utf-8")


def colliders(stage: str) -> int:
    opened = Usd.Stage.Open(stage)
    return sum(p.HasAPI(UsdPhysics.CollisionAPI) for p in opened.Traverse())


def poses(model: newton.Model, builder: newton.ModelBuilder) -> dict[str, np.ndarray]:
    """``T_world_link`` by path of the body, from the joints' positions."""
    state = model.state()
    newton.eval_fk(model, model.joint_q, model.joint_qd, state)
    return {
        label: matrix(q) for label, q in zip(builder.body_label, state.body_q.numpy(), strict=True)
    }


def authored(stage: str, builder: newton.ModelBuilder) -> dict[str, np.ndarray]:
    """The same as the stage has it."""
    opened = Usd.Stage.Open(stage)
    cache = UsdGeom.XformCache()
    prims = {label: opened.GetPrimAtPath(label) for label in builder.body_label}
    return {k: np.array(cache.GetLocalToWorldTransform(p)).T for k, p in prims.items()}


def against_urdf(model: newton.Model, builder: newton.ModelBuilder, urdf: str) -> float:
    """Largest difference of poses relative to the root at random states."""
    robot = yourdfpy.URDF.load(urdf, load_meshes=False, build_scene_graph=True)
    free = {joint.name: joint for joint in robot.actuated_joints}
    start = {
        label.split("/")[-1]: i
        for label, i in zip(builder.joint_label, builder.joint_q_start, strict=True)
    }
    rng, worst = np.random.default_rng(0), 0.0
    rest = model.joint_q.numpy().copy()
    for _ in range(STATES):
        q = rest.copy()
        cfg = {name: rng.uniform(*bounds(joint)) for name, joint in free.items()}
        for joint in robot.robot.joints:
            if joint.mimic is not None:
                follows = joint.mimic.multiplier or 0.0, joint.mimic.offset or 0.0
                q[start[joint.name]] = follows[0] * cfg[joint.mimic.joint] + follows[1]
        for name, value in cfg.items():
            q[start[name]] = value
        robot.update_cfg(cfg)
        model.joint_q.assign(q)
        found = {k.split("/")[-1]: T for k, T in poses(model, builder).items()}
        inverse = np.linalg.inv(found[robot.base_link])
        ours = {name: inverse @ T for name, T in found.items()}
        worst = max(worst, distance(ours, {n: robot.get_transform(n) for n in robot.link_map}))
    model.joint_q.assign(rest)
    return worst


def bounds(joint: yourdfpy.Joint) -> tuple[float, float]:
    return (-np.pi, np.pi) if joint.type == "continuous" else (joint.limit.lower, joint.limit.upper)


def from_urdf(urdf: str, builder: newton.ModelBuilder) -> newton.Model:
    """The URDF by Newton's own importer, on a base as free as the stage's."""
    other = newton.ModelBuilder()
    floating = newton.JointType.FREE in builder.joint_type
    other.add_urdf(urdf, floating=floating, up_axis=newton.Axis.Z)
    return other.finalize(device="cpu")


def stepped(model: newton.Model, solver: str, **options: bool) -> str:
    """What goes wrong in some steps; nothing if all stays finite."""
    try:
        solve = getattr(newton.solvers, solver)(model, **options)
        now, then = model.state(), model.state()
        newton.eval_fk(model, model.joint_q, model.joint_qd, now)
        control = model.control()
        for _ in range(STEPS):
            now.clear_forces()
            solve.step(now, then, control, None, STEP_S)
            now, then = then, now
    except Exception as fault:
        return f"{type(fault).__name__}: {' '.join(str(fault).split())[:300]}"
    finite = np.isfinite(now.body_q.numpy()).all() and np.isfinite(now.body_qd.numpy()).all()
    return "" if finite else f"is not finite after {STEPS} steps"


def matrix(q: np.ndarray) -> np.ndarray:
    """Position and quaternion xyzw ``(7,)`` as a transform ``(4, 4)``."""
    T = np.eye(4)
    T[:3, :3] = np.reshape(wp.quat_to_matrix(wp.quat(*map(float, q[3:]))), (3, 3))
    T[:3, 3] = q[:3]
    return T


def distance(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """Largest difference of any number of two sets of poses; infinite where one lacks a link."""
    if set(a) != set(b):
        return float("inf")
    gaps = [float(np.abs(a[name] - b[name]).max()) for name in a]
    return float("inf") if any(np.isnan(gaps)) else max(gaps, default=0.0)


if __name__ == "__main__":
    main(*sys.argv[1:])

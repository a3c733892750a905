"""The true object as an asset: exact shape and joints, and the motion that was filmed.

What nobody measured, its density, brakes and drives, follows from the same rules as for a
recovered object, so that both differ by what the recovery got wrong and nothing else.
"""

from __future__ import annotations

import numpy as np
import trimesh
from captures.models import Model, ModelJoint
from captures.texture import Texture

from reel2sim.importers.assemble import assembled
from reel2sim.importers.description import DescribedJoint, DescribedLink, Description
from reel2sim.importers.mass import solid_inertial
from reel2sim.importers.shapes import solid_hull
from reel2sim.rigging.articulation import JointEstimate
from reel2sim.rigging.physics.collision import convex_pieces
from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.drives import Load, drive_of
from reel2sim.rigging.physics.materials import material_named
from reel2sim.rigging.physics.overlap import disentangled
from reel2sim.scene import Inertial, Material, Motion, RiggedAsset, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert, pose


def true_asset(model: Model, times_s: Array, *, seed: int = 0) -> RiggedAsset:
    """The asset of ``model``, moving at ``times_s`` ``(t,)`` as it was filmed.

    Args:
        model: parts and joints.
        times_s: ascending, from zero; the motion ends with the last.
        seed: of the textures, as of the pictures.
    """
    config = PhysicsConfig()
    material = material_named(config.material)
    q = model.positions(times_s / times_s[-1])
    T = [model.poses(row) for row in q]
    motions = {name: np.stack([at[name] for at in T]) for name in model.parts}
    inertials: dict[str, Inertial] = {}
    links: list[DescribedLink] = []
    for i, (name, mesh) in enumerate(model.parts.items()):
        pieces = _pieces(mesh, config)
        inertials[name] = solid_inertial(pieces, material.density)
        texture = Texture.make(i, seed=seed, size_m=model.diagonal, rich=True)
        visual = TriangleMesh(mesh.vertices, mesh.faces, texture(np.asarray(mesh.vertices)))
        origin = _origin(model, name)
        links.append(_link(name, visual, pieces, inertials[name], origin, material))
    carried = _carried(model)
    joints: list[DescribedJoint] = []
    positions: dict[str, Array] = {}
    for k, joint in enumerate(model.joints):
        back = invert(motions[joint.parent])
        bodies = [(inertials[name], back @ motions[name]) for name in carried[joint.child]]
        load = Load.about(joint.axis, joint.pivot, bodies)
        described, positions[joint.name] = _joint(model, joint, q[:, k], times_s, load, config)
        joints.append(described)
    still = np.tile(np.eye(4), (len(times_s), 1, 1))
    return disentangled(
        assembled(
            Description(
                model.name,
                tuple(links),
                tuple(joints),
                motion=Motion(times_s, still, positions),
            ),
            material=material,
        )
    )


def _origin(model: Model, part: str) -> Array:
    """Where the frame of a part stands: at the pivot of its joint, the root's at the world's."""
    return next((j.pivot for j in model.joints if j.child == part), np.zeros(3))


def _pieces(mesh: trimesh.Trimesh, config: PhysicsConfig) -> list[TriangleMesh]:
    """Convex pieces; bodies that only lie in each other are taken one by one."""
    found: list[TriangleMesh] = []
    for body in mesh.split(only_watertight=False):
        if solid_hull(TriangleMesh(body.vertices, body.faces)) is None:
            continue  # flat: nothing to bump into
        pieces, _ = convex_pieces(body, config=config, clearance=0.0)
        found += [TriangleMesh(np.asarray(p.vertices), np.asarray(p.faces)) for p in pieces]
    return found


def _link(
    name: str,
    visual: TriangleMesh,
    pieces: list[TriangleMesh],
    inertial: Inertial,
    origin: Array,
    material: Material,
) -> DescribedLink:
    def local(mesh: TriangleMesh) -> TriangleMesh:
        return TriangleMesh(mesh.vertices - origin, mesh.faces, mesh.colors)

    return DescribedLink(
        name,
        visuals=(local(visual),),
        collision=tuple(map(local, pieces)),
        inertial=Inertial(inertial.mass, inertial.center - origin, inertial.inertia),
        material=material,
    )


def _carried(model: Model) -> dict[str, list[str]]:
    """Every part with all that hang on it."""
    found = {name: [name] for name in model.parts}
    for joint in reversed(model.joints):
        found[joint.parent] = found[joint.parent] + found[joint.child]
    return found


def _joint(
    model: Model, joint: ModelJoint, q: Array, times_s: Array, load: Load, config: PhysicsConfig
) -> tuple[DescribedJoint, Array]:
    """The joint, and its positions; the largest motion is positive, as of recovered ones."""
    parts = list(model.parts)
    estimate = JointEstimate(
        0, max(parts.index(joint.child), 1), joint.type, joint.axis, joint.pivot, q
    )
    drive = drive_of(estimate, times_s, load, config=config)
    turned = float(drive.axis @ joint.axis) < 0
    low, high = joint.bounds
    bounds = (-high, -low) if turned else (low, high)
    # Files round: a position at a stop may lie a hair beyond it.
    positions = np.clip(drive.positions, *bounds)
    described = DescribedJoint(
        joint.name,
        drive.type,
        joint.parent,
        joint.child,
        T_parent_child=pose(translation=joint.pivot - _origin(model, joint.parent)),
        axis=drive.axis,
        bounds=bounds,
        effort=drive.limits.effort,
        velocity=drive.limits.velocity,
        damping=drive.damping,
        friction=drive.friction,
        observed_range=(float(positions.min()), float(positions.max())),
    )
    return described, positions

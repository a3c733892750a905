"""From parts and joints to an asset with bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import trimesh

from reel2sim.rigging.articulation import Articulation
from reel2sim.rigging.physics.collision import convex_pieces
from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.drives import Load, drive_of
from reel2sim.rigging.physics.grid import HullDistance
from reel2sim.rigging.physics.hubs import Chained, chained, hub_inertial
from reel2sim.rigging.physics.inertia import inertial_of
from reel2sim.rigging.physics.materials import material_named
from reel2sim.rigging.physics.meshing import closed_mesh, inset_mesh, vertex_colors
from reel2sim.rigging.physics.overlap import disentangled
from reel2sim.rigging.physics.samples import OccupancyGrid, Samples, take_samples
from reel2sim.rigging.physics.solids import PartSolid, Slide, solidify
from reel2sim.rigging.physics.travel import Shape, widened
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import RiggingError
from reel2sim.scene.motion import Motion
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.rig import Inertial, Joint, JointType, Link, Material, TriangleMesh
from reel2sim.scene.surfels import Surfels
from reel2sim.scene.transforms import apply, invert

_STILL = 1e-4
"""A base that moves no point by more than this share of the object's size stands still."""
_USABLE_HULL = 0.8
"""A visual hull that misses more surfels than 1 minus this is not trusted."""


@dataclass(frozen=True, eq=False)
class _Body:
    """Geometry of one part, world frame at time zero; pieces are inside it by ``clearance``."""

    visual: trimesh.Trimesh
    colors: Array
    pieces: list[trimesh.Trimesh]
    clearance: float
    inertial: Inertial

    @property
    def shape(self) -> Shape:
        """What its joint's travel depends on."""
        return Shape(self.visual, self.pieces, self.clearance)


def embody(
    articulation: Articulation,
    surfels: Surfels,
    *,
    config: PhysicsConfig,
    name: str,
    volume: OccupancyGrid | None = None,
    notes: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> RiggedAsset:
    """Give every part a closed mesh, collision pieces, mass, and every joint its bounds.

    Links are ``base, link_1, …`` with parents first; ``joint_i`` moves ``link_i``. A link's frame
    stands at its joint's pivot, slid along the axis to the point closest to the part. A joint of
    several axes is ``joint_i_1, joint_i_2, …`` with ``hub_i_1, …`` between (see
    :mod:`reel2sim.rigging.physics.hubs`).

    Args:
        articulation: parts, joints and motion.
        surfels: the object at time zero, world frame, metres.
        config: settings.
        name: file-safe name of the object.
        volume: visual hull at time zero, if known.
        notes: what is known already about limits of the result; ours are added.
        metrics: figures of the fit; ours are added.
        checkpoints: where bodies are kept.
        progress: told what is being done.

    Raises:
        RiggingError: if the labels do not belong to the surfels, or there are no surfels.
    """
    if len(articulation.part_of_surfel) != len(surfels):
        raise RiggingError(
            f"labels {len(articulation.part_of_surfel)} surfels of {len(surfels)}",
            source="Articulation.part_of_surfel",
        )
    if len(surfels) == 0:
        raise RiggingError("there are no surfels to make bodies from", source=name)
    chain = chained(articulation)
    articulation = chain.articulation
    names, joint_names = _names(chain)
    order = articulation.order
    parts = [part for part in order if part not in chain.hubs]
    progress("rigging", 0.0, "orienting surfels")
    orient = partial(
        take_samples, surfels, articulation.part_of_surfel,
        min_opacity=config.min_opacity, volume=volume,
    )  # fmt: skip
    samples = checkpoints.step("samples", orient)
    said = list(notes)
    hull = _trusted_hull(volume, samples, said)
    solids = solidify(
        samples,
        parts,
        config=config,
        hull=hull,
        slides=_slides(articulation),
        checkpoints=checkpoints,
        progress=subrange(progress, 0.05, 0.5),
    )
    material = material_named(config.material, density=config.density)
    bodies: dict[int, _Body] = {}
    for i, part in enumerate(parts):
        progress("rigging", 0.5 + 0.45 * i / len(parts), f"meshing {names[part]}")
        make = partial(
            _made, part, names[part], solids, samples, surfels, articulation, material, config
        )
        made = checkpoints.step(f"body {part}", make)
        bodies[part] = made.body
        said += made.notes
    pivots = _pivots(articulation, surfels)
    for hub, part in chain.hubs.items():
        pivots[hub] = pivots[part] = articulation.joints[part - 1].pivot
        bodies[hub] = _hub(pivots[hub], bodies[part])
    links = tuple(_link(names[part], bodies[part], pivots[part], material) for part in order)
    joints, positions = _joints(articulation, names, joint_names, bodies, pivots, config)
    progress("rigging", 0.95, "sweeping joints")
    shapes = [bodies[part].shape for part in range(articulation.part_count)]
    sweep = partial(widened, joints, positions, chain, shapes, pivots, config=config)
    joints, endless = checkpoints.step("limits", sweep)
    said += endless
    rank = np.argsort(order)
    asset = RiggedAsset(
        name=name,
        links=links,
        joints=joints,
        motion=Motion(articulation.times_s, articulation.base_poses, positions),
        surfels=surfels,
        surfel_links=rank[articulation.part_of_surfel].astype(np.int32),
        fixed_base=_stands_still(articulation, surfels),
        metrics={**(metrics or {}), **_figures(bodies)},
        notes=tuple(said),
    )
    progress("rigging", 0.99, "looking for links in each other")
    found = checkpoints.step("contacts", partial(disentangled, asset))
    progress("rigging", 1.0, "bodies are built")
    return found


def _names(chain: Chained) -> tuple[dict[int, str], dict[int, str]]:
    """Of the links, by part, and of the joints, by the part each moves."""
    links: dict[int, str] = {}
    joints: dict[int, str] = {}
    parts = [part for part in chain.articulation.order if part not in chain.hubs]
    for i, part in enumerate(parts):
        steps = chain.chain(part)
        for k, step in enumerate(steps, start=1):
            links[step] = f"hub_{i}_{k}"
            joints[step] = f"joint_{i}_{k}" if len(steps) > 1 else f"joint_{i}"
        links[part] = f"link_{i}" if i else "base"
    return links, joints


def _slides(articulation: Articulation) -> dict[int, Slide]:
    """Parts that were seen to slide in their parents."""
    return {
        joint.child: Slide(
            joint.parent, joint.axis, float(joint.positions.min()), float(joint.positions.max())
        )
        for joint in articulation.joints
        if joint.type is JointType.PRISMATIC
    }


def _trusted_hull(
    volume: OccupancyGrid | None, samples: Samples, notes: list[str]
) -> HullDistance | None:
    if volume is None or not np.any(volume.occupancy):
        return None
    hull = HullDistance(volume)
    inside = hull(samples.points) > -2.0 * hull.voxel
    if len(samples) and inside.mean() < _USABLE_HULL:
        notes.append("the visual hull misses parts of the surface and was not used for bodies")
        return None
    return hull


@dataclass(frozen=True, eq=False)
class _Made:
    """A body as arrays.

    Attributes:
        visual: vertices and faces of its surface.
        colors: of the vertices.
        pieces: vertices and faces of each.
        clearance: see :class:`_Body`.
        inertial: mass.
        notes: what to tell of it.
    """

    visual: tuple[Array, Array]
    colors: Array
    pieces: tuple[tuple[Array, Array], ...]
    clearance: float
    inertial: Inertial
    notes: tuple[str, ...]

    @property
    def body(self) -> _Body:
        """With meshes."""
        pieces = [_mesh(piece) for piece in self.pieces]
        return _Body(_mesh(self.visual), self.colors, pieces, self.clearance, self.inertial)


def _mesh(arrays: tuple[Array, Array]) -> trimesh.Trimesh:
    vertices, faces = arrays
    return trimesh.Trimesh(vertices.copy(), faces.copy(), process=False)


def _arrays(mesh: trimesh.Trimesh) -> tuple[Array, Array]:
    return np.array(mesh.vertices), np.array(mesh.faces)


def _made(
    part: int,
    name: str,
    solids: Mapping[int, PartSolid],
    samples: Samples,
    surfels: Surfels,
    articulation: Articulation,
    material: Material,
    config: PhysicsConfig,
) -> _Made:
    """Mesh, pieces and mass of one part; a small block where there is no surface to mesh."""
    notes: list[str] = []
    own = samples.select(samples.parts == part)
    solid = solids.get(part)
    mesh = None if solid is None else closed_mesh(solid, max_faces=config.max_faces)
    clearance = 0.0 if solid is None else config.gap_voxels * solid.grid.voxel
    if mesh is None:
        mesh = _block(part, surfels, articulation)
        notes.append(f"{name} has too few surfels for a surface; a block stands in for it")
    if len(own):
        colors = vertex_colors(np.asarray(mesh.vertices), np.asarray(mesh.vertex_normals), own)
    else:
        colors = np.full((len(mesh.vertices), 3), 0.5)
    if solid is not None and solid.tray is not None:
        notes.append(f"{name} is taken for a drawer: floor and back are assumed where not seen")
    inside = None
    if solid is not None:
        faces = config.max_faces
        inside = inset_mesh(solid, mesh, inset=config.gap_voxels, max_faces=faces)
    pieces, note = convex_pieces(
        mesh if inside is None else inside,
        config=config,
        clearance=clearance if inside is None else 0.0,
    )
    if note:
        notes.append(f"{name}: {note}")
    shapes = tuple(_arrays(piece) for piece in pieces)
    inertial = inertial_of(mesh, material.density)
    return _Made(_arrays(mesh), colors, shapes, clearance, inertial, tuple(notes))


def _hub(pivot: Array, carried: _Body) -> _Body:
    """Mass without a surface."""
    return _Body(
        trimesh.Trimesh(), np.zeros((0, 3)), [], 0.0, hub_inertial(carried.inertial, pivot)
    )


def _block(part: int, surfels: Surfels, articulation: Articulation) -> trimesh.Trimesh:
    """A box around the surfels of ``part``, or a small one at its joint if it has none."""
    least = max(0.01 * surfels.diagonal, 2e-3)
    mine = surfels.means[articulation.part_of_surfel == part].astype(np.float64)
    if len(mine) == 0:
        at = surfels.means.mean(0) if part == 0 else articulation.joints[part - 1].pivot
        mine = np.asarray(at, np.float64)[None]
    size = np.maximum(np.ptp(mine, axis=0), least)
    box = trimesh.creation.box(extents=size)
    box.apply_translation((mine.min(0) + mine.max(0)) / 2)
    return box


def _pivots(articulation: Articulation, surfels: Surfels) -> Array:
    """Where every part's frame stands ``(p, 3)``, world at time zero; the root's at the origin."""
    pivots = np.zeros((articulation.part_count, 3))
    for joint in articulation.joints:
        mine = articulation.part_of_surfel == joint.child
        center = surfels.means[mine].astype(np.float64).mean(0) if mine.any() else joint.pivot
        pivots[joint.child] = joint.pivot + joint.axis * (joint.axis @ (center - joint.pivot))
    return pivots


def _link(name: str, body: _Body, origin: Array, material: Material) -> Link:
    """The body in its own frame."""

    def local(mesh: trimesh.Trimesh, colors: Array | None = None) -> TriangleMesh:
        return TriangleMesh(np.asarray(mesh.vertices) - origin, np.asarray(mesh.faces), colors)

    inertial = body.inertial
    return Link(
        name=name,
        visual=local(body.visual, body.colors),
        collision=tuple(local(piece) for piece in body.pieces),
        inertial=Inertial(inertial.mass, inertial.center - origin, inertial.inertia),
        material=material,
    )


def _joints(
    articulation: Articulation,
    names: Mapping[int, str],
    joint_names: Mapping[int, str],
    bodies: Mapping[int, _Body],
    pivots: Array,
    config: PhysicsConfig,
) -> tuple[tuple[Joint, ...], dict[str, Array]]:
    """Joints in the order of their children, and their positions over time."""
    order = articulation.order
    beyond = articulation.beyond
    motions = articulation.part_motions()
    joints: list[Joint] = []
    positions: dict[str, Array] = {}
    for part in order[1:]:
        estimate = articulation.joints[part - 1]
        back = invert(motions[:, estimate.parent])
        carried = [(bodies[at].inertial, back @ motions[:, at]) for at in beyond[part]]
        load = Load.about(estimate.axis, pivots[part], carried)
        drive = drive_of(estimate, articulation.times_s, load, config=config)
        joint = Joint(
            name=joint_names[part],
            type=drive.type,
            parent=names[estimate.parent],
            child=names[part],
            origin=pivots[part] - pivots[estimate.parent],
            axis=drive.axis,
            limits=drive.limits,
            pitch=estimate.pitch,
            damping=drive.damping,
            friction=drive.friction,
            confidence=estimate.confidence,
            observed=estimate.observed,
            reason=estimate.reason,
            certainty=estimate.certainty,
            observed_range=_seen(drive.type, drive.positions),
        )
        joints.append(joint)
        positions[joint.name] = drive.positions
    return tuple(joints), positions


def _seen(type: JointType, q: Array) -> tuple[float, float] | None:
    return None if type is JointType.FIXED else (float(q.min()), float(q.max()))


def _stands_still(articulation: Articulation, surfels: Surfels) -> bool:
    low, high = surfels.means.min(0), surfels.means.max(0)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    moved = np.linalg.norm(apply(articulation.base_poses, corners) - corners, axis=-1)
    return bool(moved.max() <= max(_STILL * surfels.diagonal, 1e-9))


def _figures(bodies: Mapping[int, _Body]) -> dict[str, float]:
    return {
        "mass_kg": float(sum(body.inertial.mass for body in bodies.values())),
        "volume_m3": float(
            sum(body.visual.volume for body in bodies.values() if len(body.visual.faces))
        ),
        "collision_pieces": float(sum(len(body.pieces) for body in bodies.values())),
        "visual_faces": float(sum(len(body.visual.faces) for body in bodies.values())),
    }

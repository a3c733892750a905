"""Laws of skeletons: centres that are found, symmetry, what bends and what does not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from reel2sim.exporters import export_bundle
from reel2sim.exporters.check import check_bundle
from reel2sim.rigging.joints.model import rotation_vectors
from reel2sim.rigging.joints.rigid_fit import rigid_motions
from reel2sim.rigging.physics import PhysicsConfig, embody
from reel2sim.rigging.pictures.footage import Normalisation
from reel2sim.rigging.skeleton import articulation_of, bending, build_skeleton, covered
from reel2sim.rigging.skeleton.symmetry import find_mirror
from reel2sim.scene import SurfelSequence
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, pose

from .bending import TIMES, arm, cross, sequence_of, surfels_of, tube

BLUR = 0.01
"""Distance in radii that pictures hardly tell."""
CONFIG = PhysicsConfig(resolution=24, max_voxels=40_000, max_faces=600, max_pieces=1)


@pytest.mark.parametrize("blend", [0.0, 0.3])
def test_the_elbow_is_found(blend):
    built = build_skeleton(arm(blend=blend), TIMES)
    assert built.skeleton.parents == (-1, 0)
    assert built.skeleton.held
    np.testing.assert_allclose(built.skeleton.joints[1], [0, 0, 1], atol=0.03)
    # What is left is that the reconstruction blends dual quaternions and skins blend matrices.
    assert built.error < 0.002


def test_turns_are_those_of_the_bones():
    sequence = arm(blend=0.0)
    built = build_skeleton(sequence, TIMES)
    wanted = np.swapaxes(sequence.bones(TIMES), 0, 1)
    found = np.swapaxes(built.skeleton.motions, 0, 1)
    np.testing.assert_allclose(found, wanted, atol=0.01)


def test_bones_that_move_as_one_are_one():
    sequence = arm(blend=0.3)
    rotations = sequence.bones.rotations[:, [0, 1, 1]]
    centers = np.array([[0, 0, 0.5], [0, 0, 1.0], [0, 0, 1.0]])
    high = sequence.canonical.means[:, 2] > 1.5
    weights = np.zeros((len(high), 3))
    weights[:, 0] = sequence.weights[:, 0]
    weights[:, 1] = np.where(high, 0, sequence.weights[:, 1])
    weights[:, 2] = np.where(high, sequence.weights[:, 1], 0)
    split = sequence_of(sequence.canonical, weights, rotations, centers)
    built = build_skeleton(split, TIMES)
    assert len(built.skeleton) == 2
    np.testing.assert_allclose(built.skeleton.joints[1], [0, 0, 1], atol=0.03)


def test_what_stands_still_as_one_is_one_bone_at_rest():
    moving = arm(blend=0.3)
    rotations = np.zeros_like(moving.bones.rotations[:, :1])
    rotations[..., 0] = 1.0
    weights = np.ones((len(moving.canonical), 1))
    still = sequence_of(moving.canonical, weights, rotations, np.zeros((1, 3)))
    built = build_skeleton(still, TIMES)
    assert len(built.skeleton) == 1
    np.testing.assert_allclose(
        built.skeleton.motions[:, 0], np.tile(np.eye(4), (len(built.skeleton.motions), 1, 1))
    )


def test_arms_that_mirror_each_other_hang_alike():
    built = build_skeleton(cross(), TIMES)
    assert built.skeleton.parents == (-1, 0, 0)
    assert built.alike == 2
    left, right = sorted(built.skeleton.joints[1:], key=lambda p: p[0])
    np.testing.assert_allclose(left * [-1, 1, 1], right, atol=0.01)


def test_symmetry_is_not_forced_on_what_moves_otherwise():
    built = build_skeleton(cross(shift=0.4), TIMES)
    left, right = sorted(built.skeleton.joints[1:], key=lambda p: p[0])
    assert built.alike == 0
    assert right[2] - left[2] > 0.2


def test_a_mirror_is_found_where_there_is_one():
    points, _ = tube([0, 0, 0], [0, 0, 2], radius=0.2, count=400, seed=0)
    side, _ = tube([0.2, 0, 1.6], [1.0, 0, 1.6], radius=0.1, count=200, seed=1)
    front, _ = tube([0, 0.2, 0.2], [0, 0.7, 0.5], radius=0.1, count=200, seed=2)
    both = np.concatenate([points, side, side * [-1, 1, 1], front])
    turn = Rotation.from_rotvec([0.3, -0.5, 0.2])
    mirror = find_mirror(turn.apply(both) + np.array([1.0, 2.0, 3.0]))
    assert mirror is not None
    normal = turn.inv().apply(mirror.normal)
    assert abs(normal[0]) > 0.998
    high, _ = tube([-0.2, 0, 0.4], [-0.9, 0.3, 0.9], radius=0.1, count=200, seed=3)
    assert find_mirror(np.concatenate([points, side, front, high])) is None


@dataclass(frozen=True)
class Distances:
    """Pictures from which every surfel's place can be read, but for a blur."""

    points: Array
    ways: Array

    def errors(self, labels: Array, motions: Array) -> Array:
        found = np.stack([apply(motions[labels, f], self.points[:, None])[:, 0]
                          for f in range(len(self.ways))])  # fmt: skip
        return np.hypot(np.linalg.norm(found - self.ways, axis=-1), BLUR).sum(axis=1)


def judged(sequence: SurfelSequence):
    """Judge against the two rigid parts that follow the surface best."""
    norm = Normalisation.of(sequence.canonical)
    points = norm.points(sequence.canonical.means)
    ways = np.stack([norm.points(sequence.at(float(t)).means) for t in TIMES])
    labels = sequence.weights.argmax(axis=1)
    motions = np.stack([rigid_motions(points, ways, (labels == k) * 1.0) for k in (0, 1)])
    return bending(
        sequence, TIMES, drawings=Distances(points, ways), drawn=np.arange(len(TIMES)),
        norm=norm, labels=labels, motions=motions, seed=0,
    )  # fmt: skip


def test_a_tube_bends():
    found = judged(arm(blend=1.2))
    assert found.soft
    # The bend goes over four times the tube's thickness; surfels tell it roughly.
    assert found.built.seam == pytest.approx(4.0, rel=0.15)
    assert found.metrics["blending_saves"] > 0.15
    assert "bends" in found.notes[0]
    assert "2 bones" in found.notes[0]


@pytest.mark.parametrize("blend", [0.0, 0.1])
def test_a_hinge_does_not(blend):
    found = judged(arm(blend=blend))
    assert not found.soft
    assert found.notes == ()
    assert found.metrics["bends"] == 0.0


def test_parts_that_explain_the_pictures_are_kept_however_long_the_seam():
    """A thin rod with an elbow: its blurred middle is long for its girth, and hardly seen."""
    points, normals = tube([0, 0, 0], [0, 0, 2], radius=0.02, count=700, seed=0)
    upper = np.clip((points[:, 2] - 1.0) / 0.14 + 0.5, 0, 1)
    rotations = arm(blend=0.0).bones.rotations
    surfels = surfels_of(points, normals, size=0.02)
    weights = np.stack([1 - upper, upper], axis=1)
    sequence = sequence_of(surfels, weights, rotations, np.array([[0, 0, 0.5], [0, 0, 1.0]]))
    found = judged(sequence)
    assert found.built.seam > 3
    assert found.blended < found.rigid
    assert not found.soft


def test_what_slides_does_not_bend():
    sequence = arm(blend=1.2)
    ramp = np.linspace(0, 0.6, len(sequence.bones.translations))[:, None, None]
    slide = replace(
        sequence.bones,
        translations=ramp * np.array([[0, 0, 0], [1.0, 0, 0]]),
        rotations=np.tile([1.0, 0, 0, 0], (len(ramp), 2, 1)),
    )
    assert not judged(replace(sequence, bones=slide)).soft


def test_the_asset_moves_as_its_skeleton(tmp_path):
    sequence = arm(blend=0.6)
    built = build_skeleton(sequence, TIMES)
    articulation = articulation_of(built, TIMES)
    asset = embody(articulation, sequence.canonical, config=CONFIG, name="arm")
    asset = covered(asset, built.skeleton.weights, articulation.part_of_surfel, config=CONFIG)
    assert asset.skin is not None
    index = asset.link_index
    for i, time_s in enumerate(TIMES):
        T = asset.link_motions_at(float(time_s))[[index["base"], index["link_1"]]]
        np.testing.assert_allclose(T, built.skeleton.motions[i], atol=1e-6)
    mesh = asset.skin.mesh
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert len(solid.split()) == 1
    assert solid.volume == pytest.approx(np.pi * 0.15**2 * 2.2, rel=0.3)
    # The skin follows the surface: every surfel stays as near to it as it was at rest.
    rest = np.abs(trimesh.proximity.signed_distance(solid, sequence.canonical.means[::10]))
    bent = trimesh.Trimesh(asset.skin_at(1.0), mesh.faces, process=False)
    away = np.abs(trimesh.proximity.signed_distance(bent, sequence.at(1.0).means[::10]))
    assert away.mean() < rest.mean() + 0.01
    export_bundle(asset, tmp_path / "bundle")
    errors = [f for f in check_bundle(tmp_path / "bundle").findings if f.severity == "error"]
    assert [f.id for f in errors if f.where != "preview.mp4"] == []


def test_rotation_vectors_do_not_jump():
    angle = np.linspace(0, 5.0, 40)[:, None]
    axis = np.array([0.6, 0.0, 0.8])
    found = rotation_vectors(Rotation.from_rotvec(angle * axis).as_matrix())
    np.testing.assert_allclose(found, angle * axis, atol=1e-9)


def test_a_rigid_motion_is_found_exactly():
    points = np.random.default_rng(0).normal(size=(20, 3))
    T = pose(Rotation.random(5, random_state=1).as_matrix(), np.arange(15.0).reshape(5, 3))
    found = rigid_motions(points, apply(T, points), np.ones(20))
    np.testing.assert_allclose(found, T, atol=1e-9)

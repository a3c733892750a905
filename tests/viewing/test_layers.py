"""What layers draw is the asset, part by part."""

from __future__ import annotations

import numpy as np
import pygltflib
from hypothesis import given, settings

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.scene.transforms import apply, matrix_from_quaternion
from reel2sim.viewing.layers.axes import confidence_color
from reel2sim.viewing.layers.skeleton import bones_of
from reel2sim.viewing.layers.splats import link_clouds
from reel2sim.viewing.layers.visual import glb_of
from reel2sim.viewing.posture import Posture
from tests.exporters.conftest import assets
from tests.viewing.conftest import chest


@settings(max_examples=15)
@given(assets())
def test_splats_of_all_links_together_are_the_canonical_ones(asset) -> None:
    clouds, rest = link_clouds(asset), asset.rest_poses
    assert sum(len(cloud.centers) for cloud in clouds) == len(asset.surfels)
    for i, cloud in enumerate(clouds):
        own = asset.surfels.select(asset.surfel_links == i)
        np.testing.assert_allclose(apply(rest[i], cloud.centers), own.means, atol=1e-6)
        np.testing.assert_allclose(cloud.colors, own.colors)
        np.testing.assert_allclose(cloud.opacities[:, 0], own.opacities)


@settings(max_examples=10)
@given(assets())
def test_splats_moved_by_their_links_are_where_the_asset_has_them(asset) -> None:
    posture = Posture.at(asset, 0.8)
    shown = posture.surfels(asset)
    for i, (cloud, T) in enumerate(zip(link_clouds(asset), posture.link_poses(asset), strict=True)):
        own = shown.select(asset.surfel_links == i)
        np.testing.assert_allclose(apply(T, cloud.centers), own.means, atol=1e-5)
        turned = T[:3, :3] @ cloud.covariances @ T[:3, :3].T
        np.testing.assert_allclose(turned, covariances(own), atol=1e-7)


def covariances(surfels):
    """By the definition of a surfel: two standard deviations along two tangents, none across."""
    R = matrix_from_quaternion(surfels.rotations)
    spread = np.pad(surfels.scales, ((0, 0), (0, 1)))[:, None, :] ** 2
    return (R * spread) @ R.transpose(0, 2, 1)


def test_units_of_splats_fit_into_half_precision() -> None:
    for cloud in link_clouds(chest()):
        kept = (cloud.covariances / cloud.unit**2).astype(np.float16).astype(np.float64)
        assert np.isfinite(kept).all()
        error = np.abs(kept * cloud.unit**2 - cloud.covariances).max(axis=(1, 2))
        assert (error < 2e-3 * cloud.covariances.trace(axis1=1, axis2=2)).all()


def test_a_mesh_survives_as_glb() -> None:
    mesh = chest().links[0].visual
    document = pygltflib.GLTF2.load_from_bytes(glb_of(mesh))
    primitive = document.meshes[0].primitives[0]
    assert mesh.colors is not None
    for index, expected in (
        (primitive.attributes.POSITION, mesh.vertices),
        (primitive.attributes.COLOR_0, linear_from_srgb(mesh.colors)),
        (primitive.indices, mesh.faces.reshape(-1, 1)),
    ):
        np.testing.assert_allclose(table(document, index), expected, atol=1e-6)


def table(document: pygltflib.GLTF2, index: int) -> np.ndarray:
    """What an accessor describes."""
    accessor = document.accessors[index]
    view = document.bufferViews[accessor.bufferView]
    kind = {5126: "<f4", 5125: "<u4"}[accessor.componentType]
    data = document.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    return np.frombuffer(data, kind).reshape(accessor.count, -1)


@settings(max_examples=10)
@given(assets())
def test_bones_end_at_centres_and_meet_at_pivots(asset) -> None:
    poses = asset.link_poses_at(0.6)
    bones = bones_of(asset, poses)
    assert len(bones) == 2 * len(asset.joints)
    for k, joint in enumerate(asset.joints):
        upper, lower = bones[2 * k], bones[2 * k + 1]
        child = asset.links[k + 1].inertial.center
        np.testing.assert_array_equal(upper[1], lower[0])
        np.testing.assert_allclose(upper[1], poses[k + 1][:3, 3])
        np.testing.assert_allclose(lower[1], apply(poses[k + 1], child[None])[0])
        parent = asset.link_index[joint.parent]
        center = asset.links[parent].inertial.center
        np.testing.assert_allclose(upper[0], apply(poses[parent], center[None])[0])


def test_colours_of_axes_tell_doubt() -> None:
    from dataclasses import replace

    joint = chest().joints[0]
    sure, doubted = (confidence_color(replace(joint, confidence=c)) for c in (1.0, 0.0))
    unseen = confidence_color(replace(joint, observed=False))
    assert sure[2] > sure[0]
    assert doubted[0] > doubted[2]
    assert len(set(unseen)) == 1

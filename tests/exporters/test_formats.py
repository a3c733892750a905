"""The plain writers: OBJ, PLY, names."""

from __future__ import annotations

import numpy as np
import trimesh
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reel2sim.exporters.joints import rotation_x_to
from reel2sim.exporters.names import free_name, identifier, mesh_names
from reel2sim.exporters.obj import write_obj
from reel2sim.exporters.splat import write_splats
from reel2sim.exporters.thumbnail import draw_thumbnail
from reel2sim.scene import JointType

from .conftest import build_asset


def test_obj_keeps_points_faces_and_colours(cabinet, tmp_path):
    mesh = cabinet.links[1].visual
    path = tmp_path / "part.obj"
    write_obj(path, mesh)
    back = trimesh.load(path, process=False)
    np.testing.assert_allclose(back.vertices, mesh.vertices, atol=1e-8)
    np.testing.assert_array_equal(back.faces, mesh.faces)
    rows = [line.split() for line in path.read_text().splitlines() if line.startswith("v ")]
    colors = np.array(rows)[:, 4:].astype(float)
    np.testing.assert_allclose(colors, mesh.colors, atol=1e-4)
    assert "Kd" in (tmp_path / "part.mtl").read_text()


def test_splats_follow_the_3dgs_layout(cabinet, tmp_path):
    surfels = cabinet.surfels
    write_splats(surfels, tmp_path / "s.ply")
    head, _, body = (tmp_path / "s.ply").read_bytes().partition(b"end_header\n")
    fields = [x.split()[-1] for x in head.decode().splitlines() if x.startswith("property")]
    front = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    back = ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    assert fields == [*front, *(f"f_rest_{i}" for i in range(9)), *back]
    table = np.frombuffer(body, "<f4").reshape(len(surfels), len(fields))
    column = dict(zip(fields, table.T, strict=True))
    np.testing.assert_array_equal(table[:, :3], surfels.means)
    np.testing.assert_allclose(1 / (1 + np.exp(-column["opacity"])), surfels.opacities, atol=1e-5)
    np.testing.assert_allclose(np.exp(column["scale_1"]), surfels.scales[:, 1], rtol=1e-5)
    np.testing.assert_allclose(np.exp(column["scale_2"]), 1e-6, rtol=1e-4)
    np.testing.assert_array_equal(column["rot_0"], surfels.rotations[:, 0])
    np.testing.assert_array_equal(column["f_dc_2"], surfels.sh[:, 0, 2])
    # Channel by channel: red's three coefficients come first.
    np.testing.assert_array_equal(column["f_rest_1"], surfels.sh[:, 2, 0])
    np.testing.assert_array_equal(column["f_rest_3"], surfels.sh[:, 1, 1])


@given(st.text(max_size=12))
def test_identifiers_are_always_valid(text):
    name = identifier(text)
    assert name.isascii()
    assert name.isidentifier()


@given(st.sampled_from(["a", "A", "con", "Looks"]), st.sets(st.sampled_from(["a", "A_", "looks"])))
def test_free_names_are_free(wanted, taken):
    name = free_name(wanted, taken)
    assert name.lower() not in {t.lower() for t in taken}
    assert name.lower() != "con"


def test_mesh_files_never_share_a_name():
    links = ["door", "Door", "door_00", "con"]
    asset = build_asset([JointType.FIXED] * 3, [0, 0, 0], names=links)
    stems = [
        stem.lower()
        for found in mesh_names(asset).values()
        for stem in (found.visual, *found.collision)
    ]
    assert len(set(stems)) == len(stems) == 12
    assert "con" not in stems


@settings(max_examples=200)
@example((-1.0, 0.0, 1e-5))
@example((-1.0, 0.0, 0.0))
@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3))
def test_joint_frame_turns_x_onto_the_axis(v):
    axis = np.array(v) / np.linalg.norm(v)
    R = rotation_x_to(axis)
    np.testing.assert_allclose(R[:, 0], axis, atol=1e-12)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) > 0


def test_thumbnail_shows_the_object(cabinet):
    image = np.asarray(draw_thumbnail(cabinet, size=64))
    assert image.shape == (64, 64, 4)
    covered = (image[..., 3] > 0).mean()
    assert 0.05 < covered < 0.95
    assert draw_thumbnail(build_asset([], []), size=64).getbbox() is not None

"""What is said of pictures is what meshes and joints say."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from reel2sim.generation import GenerationConfig
from reel2sim.generation.scripted.cameras import Shot
from reel2sim.generation.scripted.filming import film, part_names
from reel2sim.generation.scripted.kinematics import ObjectSpec, Part, Surface
from reel2sim.generation.scripted.play import Actor, Performance
from reel2sim.generation.scripted.solids import box, cylinder, sphere
from reel2sim.generation.setting import Setting
from reel2sim.generation.truth import TrueJoint, Truth, write_truth
from reel2sim.generation.view_truth import load_views, write_views
from reel2sim.scene.camera import look_at
from reel2sim.scene.errors import InputError
from reel2sim.scene.progress import silent
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import apply, axis_rotation, invert, pose

SIZE = 48
TIMES = np.linspace(0.0, 1.0, 4)


def lever() -> ObjectSpec:
    """A chain of a turning arm and a sliding ball on it."""
    return ObjectSpec(
        "lever",
        (
            Part("base", (box((-0.2, -0.3, 0.0), (0.2, 0.3, 0.2), "wood"),)),
            Part(
                "arm",
                (cylinder((0, 0, 0.2), (0, 0, 0.7), 0.05, "metal"),),
                "base",
                JointType.REVOLUTE,
                (1.0, 0.0, 0.0),
                (0.0, 0.0, 0.2),
                (-1.0, 1.0),
            ),
            Part(
                "ball",
                (sphere((0, 0, 0.6), 0.12, "screen"),),
                "arm",
                JointType.PRISMATIC,
                (0.0, 0.0, 1.0),
                (0.0, 0.0, 0.6),
                (0.0, 0.3),
            ),
        ),
        {
            "wood": Surface("wood", metres=0.5),
            "metal": Surface("metal", metres=0.3),
            "screen": Surface("plastic", (0.8, 0.2, 0.2), "screen"),
        },
    )


def play() -> Performance:
    base = np.tile(np.eye(4), (4, 1, 1))
    base[:, 0, 3] = 0.02 * np.arange(4)
    q = {"arm": np.linspace(-0.4, 0.5, 4), "ball": np.linspace(0.0, 0.15, 4)}
    return Performance(TIMES, (Actor("lever", lever(), base, q),))


def shots() -> list[Shot]:
    found: list[Shot] = []
    target = np.array([0.0, 0.0, 0.4])
    for stream, turns, instants in (
        ("static", np.linspace(0, 5, 3), [0, 0, 0]),
        ("orbit", np.linspace(-0.5, 0.5, 4), range(4)),
        ("front", np.zeros(4), range(4)),
    ):
        for k, (turn, instant) in enumerate(zip(turns, instants, strict=True)):
            eye = target + 2.0 * np.array([np.cos(turn), np.sin(turn), 0.4])
            camera = look_at(eye, target, width=SIZE, height=SIZE, fov_y=0.7)
            found.append(Shot(stream, instant, camera, f"{stream}/{k:04d}.png"))
    return found


def filmed(**setting: str):
    config = GenerationConfig(seed=2, size=SIZE, setting=Setting(**setting))  # type: ignore[arg-type]
    return film(play(), shots(), config, progress=silent)


@pytest.fixture(scope="module")
def views():
    return filmed()[1]


def surface_of(part: str, instant: int) -> trimesh.Trimesh:
    (actor,) = play().actors
    spec = actor.spec.part(part)
    meshes = [trimesh.Trimesh(s.vertices - spec.pivot, s.faces) for s in spec.solids]
    return trimesh.util.concatenate(meshes).apply_transform(actor.part_poses[part][instant])


def pixels_of(view, part: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, columns = np.nonzero(view.part == part)
    return rows, columns, np.stack([columns, rows], axis=1) + 0.5


def test_depth_is_that_of_the_parts_surface_and_normals_stand_on_it(views):
    shown = set()
    for k, take in enumerate(views.takes):
        view = views.view(k)
        for number, name in enumerate(views.parts, start=1):
            rows, columns, at = pixels_of(view, number)
            if len(rows) == 0:
                continue
            shown.add(name)
            points = take.camera.unproject(at, view.depth[rows, columns])
            mesh = surface_of(name, take.instant)
            _, away, face = trimesh.proximity.closest_point_naive(mesh, points)
            assert away.max() < 1e-6
            normals = view.normals[rows, columns].astype(float)
            assert (
                np.abs(np.einsum("nk,nk->n", normals, mesh.face_normals[face])) > 0.9
            ).mean() > 0.97
            toward = take.camera.position - points
            assert (np.einsum("nk,nk->n", normals, toward) > -1e-3).all()
            np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=2e-3)
    assert shown == set(views.parts)


def fk(name: str, start: int, stop: int) -> np.ndarray:
    """Motion of a part from joints alone: axis, pivot and positions, written out by hand."""

    def world(t: int) -> np.ndarray:
        base = pose(translation=np.array([0.02 * t, 0, 0]))
        if name == "base":
            return base
        q = -0.4 + 0.3 * t
        R = axis_rotation(np.array([1.0, 0, 0]), q)
        pivot = np.array([0, 0, 0.2])
        arm = base @ pose(R, pivot - R @ pivot)
        slide = pose(translation=np.array([0, 0, 0.05 * t]))
        return arm if name == "arm" else arm @ slide

    return world(stop) @ invert(world(start))


def test_flow_is_where_joints_carry_the_point(views):
    seen_parts = set()
    for k in (3, 4, 5, 7, 8, 9):  # orbit and front, but for their last
        here, there, view = views.takes[k], views.takes[k + 1], views.view(k)
        for number, name in enumerate(views.parts, start=1):
            rows, columns, at = pixels_of(view, number)
            if len(rows) == 0:
                continue
            seen_parts.add(name)
            points = here.camera.unproject(at, view.depth[rows, columns])
            uv, _ = there.camera.project(apply(fk(name, here.instant, there.instant), points))
            np.testing.assert_allclose(view.flow[rows, columns], uv - at, atol=1e-3)
    assert seen_parts == set(views.parts)


def test_flow_leads_to_the_same_point_unless_hidden(views):
    """Followed and read back, part and place agree; what is called hidden is behind something."""
    agree = total = 0
    for k in (3, 4, 5, 7, 8, 9):
        here, there = views.takes[k], views.takes[k + 1]
        view, after = views.view(k), views.view(k + 1)
        rows, columns = np.nonzero((view.part > 0) & ~view.hidden)
        uv = view.flow[rows, columns] + np.stack([columns, rows], axis=1) + 0.5
        column, row = np.clip(np.floor(uv).astype(int), 0, SIZE - 1).T
        points = here.camera.unproject(
            np.stack([columns, rows], axis=1) + 0.5, view.depth[rows, columns]
        )
        part = view.part[rows, columns]
        moved = points.copy()
        for number, name in enumerate(views.parts, start=1):
            own = part == number
            moved[own] = apply(fk(name, here.instant, there.instant), points[own])
        found = there.camera.unproject(uv, after.depth[row, column])
        near = np.linalg.norm(found - moved, axis=1) < 0.05
        agree += int((near & (after.part[row, column] == part)).sum())
        total += len(rows)
        assert view.hidden.mean() < 0.2
    assert agree / total > 0.93  # what is left lies on outlines, within a pixel


def test_where_nothing_is_or_nothing_follows_there_is_no_flow(views):
    view, last = views.view(3), views.view(6)
    nothing = view.depth == 0
    assert nothing.any()
    assert np.isnan(view.flow[nothing]).all()
    assert not view.normals[nothing].any()
    assert np.isfinite(view.flow[~nothing]).all()
    assert np.isnan(last.flow).all()
    assert not last.hidden.any()


def test_masks_and_parts_agree_and_scenery_changes_neither():
    plain, views = filmed()
    furnished, room = filmed(background="room", lighting="daylight")
    for k, (a, b) in enumerate(zip(plain, furnished, strict=True)):
        assert np.array_equal(a.mask, b.mask)
        seen, around = views.view(k), room.view(k)
        assert np.array_equal(seen.part, around.part)
        assert ((a.mask > 127) == (seen.part > 0)).mean() > 0.97
        assert (a.image[a.mask == 0] == 255).all()
        assert (around.depth > 0).mean() > 0.95
        np.testing.assert_allclose(around.depth[seen.part > 0], seen.depth[seen.part > 0])
        assert b.image[b.mask == 0].std() > 15


def test_pictures_and_truths_are_the_same_each_time_and_change_with_the_seed(tmp_path):
    first, again = filmed(background="floor"), filmed(background="floor")
    pixels = [b"".join(f.image.tobytes() for f in frames) for frames, _ in (first, again)]
    assert pixels[0] == pixels[1]
    other = GenerationConfig(seed=3, size=SIZE, setting=Setting(background="floor"))
    assert film(play(), shots(), other, progress=silent)[0][0].image.tobytes() != (
        first[0][0].image.tobytes()
    )


def truth() -> Truth:
    performance = play()
    (actor,) = performance.actors
    joints = tuple(
        TrueJoint(
            f"{part.name}_joint",
            part.joint,
            part.parent,
            part.name,
            actor.part_poses[part.name][0][:3, :3] @ np.asarray(part.axis),
            actor.part_poses[part.name][0][:3, 3],
            actor.positions[part.name] - actor.positions[part.name][0],
        )
        for part in actor.spec.movable
    )
    return Truth(
        1.0, TIMES, joints, part_names(performance), actor.part_poses, np.zeros((1, 3)), [0]
    )


def test_the_folder_gives_back_what_was_written_and_the_poses_of_joints(views, tmp_path):
    for name in "ab":
        write_truth(truth(), tmp_path / name)
        write_views(truth(), views, tmp_path / name)
    folder = load_views(tmp_path / "a")
    assert (folder.parts, folder.joints) == (("base", "arm", "ball"), ("arm_joint", "ball_joint"))
    assert len(folder) == len(views.takes) == 11
    for k, stored in enumerate(folder):
        made, take = views.view(k), views.takes[k]
        for field in ("depth", "part", "normals", "flow", "hidden"):
            np.testing.assert_array_equal(getattr(stored, field), getattr(made, field))
        assert stored.joint_positions["arm_joint"] == pytest.approx(0.3 * take.instant)
        for name in folder.pose_parts:
            motion = stored.part_poses[name] @ invert(folder.view(0).part_poses[name])
            np.testing.assert_allclose(motion, fk(name, 0, take.instant), atol=1e-6)
    for path in sorted((tmp_path / "a").rglob("*.npz")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.parametrize("wrong", ["", "[]", '{"version": 2}', '{"version": 1}'])
def test_a_malformed_index_is_an_input_error(views, tmp_path, wrong):
    write_views(truth(), views, tmp_path)
    (tmp_path / "truth" / "index.json").write_text(wrong)
    with pytest.raises(InputError, match=r"index\.json"):
        load_views(tmp_path)


def test_a_damaged_or_foreign_file_is_an_input_error(views, tmp_path):
    write_views(truth(), views, tmp_path)
    index = tmp_path / "truth" / "index.json"
    folder = load_views(tmp_path)
    (tmp_path / "truth" / folder.files[1]).write_bytes(b"PK\x03\x04")
    (tmp_path / "truth" / folder.files[2]).unlink()
    for k in (1, 2):
        with pytest.raises(InputError, match=folder.files[k]):
            folder.view(k)
    index.write_text(index.read_text().replace(folder.files[0], "../../etc/passwd"))
    with pytest.raises(InputError, match="outside"):
        load_views(tmp_path)

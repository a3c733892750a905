import numpy as np
import pytest

from reel2sim.generation import (
    Backend,
    GenerationConfig,
    ScriptedBackend,
    backends,
    generate,
    load_truth,
    write_truth,
)
from reel2sim.generation.scripted.motion import openness
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.generation.scripted.spec import Movement
from reel2sim.media import load_reel, write_capture
from reel2sim.scene.errors import CancelledError, PromptError, UsageError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import axis_rotation, invert, pose

SMALL = GenerationConfig(frames=5, size=64, views=4, fixed=1, supersample=1)
CABINET = "a cabinet with a drawer and two doors, the drawer slides open and the left door opens"


@pytest.fixture(scope="module")
def cabinet():
    return generate(CABINET, config=SMALL)


@pytest.fixture(scope="module")
def laptop():
    return generate("a laptop, the lid opens", config=SMALL)


def test_layout_of_streams(cabinet):
    streams = cabinet.reel.streams
    assert {name: len(frames) for name, frames in streams.items()} == {
        "static": 4,
        "orbit": 5,
        "front": 5,
    }
    assert {f.time_s for f in streams["static"]} == {0.0}
    np.testing.assert_allclose([f.time_s for f in streams["front"]], np.linspace(0, 2, 5))
    assert len({tuple(f.camera.position) for f in streams["front"]}) == 1
    assert len({tuple(f.camera.position) for f in streams["orbit"]}) == 5
    sides = [np.degrees(np.arctan2(*f.camera.position[1::-1])) for f in streams["orbit"]]
    np.testing.assert_allclose(sides, np.linspace(-75, 75, 5), atol=10)
    assert cabinet.reel.calibrated
    assert cabinet.reel.masked
    assert cabinet.reel.prompt == CABINET


@pytest.mark.parametrize("count", [1, 2, 4])
def test_fixed_cameras_see_all_sides(count):
    config = GenerationConfig(frames=2, size=16, views=0, fixed=count, supersample=1)
    streams = generate("a laptop opens", config=config).reel.streams
    fixed = [frames for name, frames in streams.items() if name != "orbit"]
    assert len(fixed) == count
    assert all(len({tuple(f.camera.position) for f in frames}) == 1 for frames in fixed)
    sides = np.sort([np.arctan2(*frames[0].camera.position[1::-1]) for frames in fixed])
    gaps = np.diff([*sides, sides[0] + 2 * np.pi])
    np.testing.assert_allclose(gaps, 2 * np.pi / count, atol=0.3)


def test_joints_move_as_asked(cabinet):
    joints = {joint.name: joint for joint in cabinet.truth.joints}
    assert joints["drawer_0_joint"].type is JointType.PRISMATIC
    assert joints["door_0_joint"].type is JointType.REVOLUTE
    assert joints["drawer_0_joint"].positions[-1] == pytest.approx(0.288, rel=0.02)
    assert joints["door_0_joint"].positions[-1] == pytest.approx(1.75, rel=0.02)
    assert np.abs(joints["door_1_joint"].positions).max() < 1e-3


@pytest.mark.parametrize("name", ["cabinet", "laptop"])
def test_axes_and_states_reproduce_the_poses(name, request):
    """Axis, pivot and positions alone give the poses of parts."""
    truth = request.getfixturevalue(name).truth
    for joint in truth.joints:
        poses = truth.link_poses[joint.child]
        for k, q in enumerate(joint.positions):
            if joint.type is JointType.PRISMATIC:
                motion = pose(translation=q * joint.axis)
            else:
                R = axis_rotation(joint.axis, q)
                motion = pose(R, joint.pivot - R @ joint.pivot)
            np.testing.assert_allclose(poses[k] @ invert(poses[0]), motion, atol=1e-6)


@pytest.mark.parametrize("name", ["cabinet", "laptop"])
def test_surface_points_lie_on_the_mask_in_every_frame(name, request):
    made = request.getfixturevalue(name)
    for frame in made.reel.frames:
        points = made.truth.points_at(int(np.searchsorted(made.truth.times_s, frame.time_s)))
        uv, depth = frame.camera.project(points)
        assert (depth > 0).all()
        assert (uv > 1).all()
        assert (uv < 63).all()
        column, row = np.floor(uv).astype(int).T
        near = np.zeros((66, 66), bool)  # the mask, one pixel larger all round
        for dy in range(3):
            for dx in range(3):
                near[dy : dy + 64, dx : dx + 64] |= frame.mask > 0
        assert near[row + 1, column + 1].mean() > 0.99
        if frame.time_s > 0:
            continue  # what opens shows surfaces that were hidden at first, which have no points
        covered = np.zeros((68, 68), bool)
        for dy in range(5):
            for dx in range(5):
                covered[row + dy, column + dx] = True
        assert covered[2:66, 2:66][frame.mask > 0].mean() > 0.99


@pytest.mark.parametrize("name", ["cabinet", "laptop"])
def test_outlines_agree_with_the_cameras_to_a_fraction_of_a_pixel(name, request):
    """The projected vertices bound the mask, without a shift to any side."""
    made = request.getfixturevalue(name)
    times = made.reel.times_s
    play = perform(parse_prompt(made.reel.prompt), np.random.default_rng(0), times)
    errors = []
    for frame in made.reel.frames:
        uv, _ = frame.camera.project(play.points([int(np.searchsorted(times, frame.time_s))]))
        rows, columns = np.nonzero(frame.mask)
        low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()])
        errors.append([low - uv.min(axis=0), high + 1 - uv.max(axis=0)])
    shift = np.mean(errors, axis=(0, 1))
    assert np.abs(shift).max() < 0.2
    assert np.abs(errors).max() < 1.2


def test_the_object_fills_the_picture(cabinet):
    shares = [(f.mask > 0).mean() for f in cabinet.reel.streams["static"]]
    assert min(shares) > 0.15
    assert max(shares) < 0.85


def test_motion_is_visible(cabinet):
    first, *_, last = cabinet.reel.streams["front"]
    both = (first.mask > 0) & (last.mask > 0)
    change = np.abs(first.image.astype(int) - last.image).max(axis=2)
    assert (change[both] > 40).mean() > 0.1


def test_surfaces_have_texture(cabinet, laptop):
    for made in (cabinet, laptop):
        frame = made.reel.frames[0]
        inside = frame.image[frame.mask == 255].astype(float)
        assert inside.std(axis=0).mean() > 12


def test_same_seed_same_pixels_other_seed_others(laptop):
    def pixels(made):
        return b"".join(f.image.tobytes() + f.mask.tobytes() for f in made.reel.frames)

    again = generate("a laptop, the lid opens", config=SMALL)
    other = generate(
        "a laptop, the lid opens",
        config=GenerationConfig(seed=1, frames=5, size=64, views=4, fixed=1, supersample=1),
    )
    assert pixels(again) == pixels(laptop)
    assert pixels(other) != pixels(laptop)
    np.testing.assert_array_equal(again.truth.points, laptop.truth.points)


def test_round_trip_through_a_capture_folder(laptop, tmp_path):
    write_capture(laptop.reel, tmp_path / "capture")
    write_truth(laptop.truth, tmp_path / "capture")
    again = load_reel(tmp_path / "capture")
    assert again.prompt == laptop.reel.prompt
    for a, b in zip(again.frames, laptop.reel.frames, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.mask, b.mask)
        assert (a.stream, a.time_s) == (b.stream, b.time_s)
    assert load_truth(tmp_path / "capture").parts == ("base", "lid")


def test_supersampling_softens_the_rim():
    config = GenerationConfig(frames=2, size=64, views=1, supersample=2)
    frame = generate("a laptop opens", config=config).reel.frames[0]
    assert frame.image.shape == (64, 64, 3)
    assert ((frame.mask > 0) & (frame.mask < 255)).any()


def test_tempo_scales_time():
    slow = generate("a laptop opens slowly", config=GenerationConfig(frames=2, size=16, views=0))
    assert slow.reel.times_s[-1] > 2.0
    assert set(slow.reel.streams) == {"orbit", "front", "back", "left", "right"}


def test_nothing_is_written_to_stdout(capfd):
    generate("a laptop opens", config=GenerationConfig(frames=2, size=16, views=0))
    assert capfd.readouterr().out == ""


def test_movements_start_and_end_at_rest():
    move = Movement("lid", 0, 0.1, 0.9, returns=True)
    q = openness(move, np.linspace(0, 1, 401), both=False)
    assert q[0] == q[-1] == 0.1
    assert q[200] == q.max() == pytest.approx(0.9)
    speed = np.abs(np.diff(q))
    assert speed[[0, 199, 200, -1]].max() < 0.01 * speed.max()


def test_cancelling_stops():
    def cancel(*_, **__):
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        generate("a laptop opens", config=SMALL, progress=cancel)


def test_registry():
    backend: Backend = ScriptedBackend()
    assert backends()["scripted"] == backend.capabilities
    with pytest.raises(UsageError, match=r"did you mean 'scripted'\?.*choose one of: .*scripted"):
        generate("a cabinet", backend="skripted")
    with pytest.raises(PromptError, match="is empty"):
        generate("  ")


@pytest.mark.parametrize(
    "field", ["frames", "size", "seconds", "views", "fixed", "supersample", "seed"]
)
def test_config_out_of_range(field):
    with pytest.raises(UsageError, match=field):
        GenerationConfig(**{field: -1})


def test_truth_points_are_those_the_first_instant_shows():
    made = generate(
        "a wooden cabinet with one drawer, the drawer slides open",
        config=GenerationConfig(size=64, views=8, frames=6),
    )
    truth, drawer = made.truth, made.truth.parts.index("drawer_0")
    inside = truth.points[truth.point_parts == drawer]
    body = truth.points[truth.point_parts != drawer]
    # The closed drawer shows its front and handle; what is behind the front is in the body.
    assert len(inside) > 100
    assert (inside[:, 0] > body[:, 0].max() - 0.03).mean() > 0.9

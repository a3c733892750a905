import json
import math

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from PIL import Image

from reel2sim.media import MediaLimits, load_reel, opencv_from_opengl, write_capture
from reel2sim.scene import Camera, Frame, Reel
from reel2sim.scene.errors import (
    CameraError,
    CaptureError,
    ConflictError,
    InputError,
    MediaLimitError,
    NoMotionError,
    TooFewFramesError,
)


def test_round_trip_is_exact(reel, capture):
    again = load_reel(capture)
    assert again.prompt == reel.prompt
    assert list(again.streams) == list(reel.streams)
    for a, b in zip(again.frames, reel.frames, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.mask, b.mask)
        np.testing.assert_array_equal(a.camera.T_world_camera, b.camera.T_world_camera)
        np.testing.assert_array_equal(a.camera.K, b.camera.K)
        assert (a.time_s, a.stream) == (b.time_s, b.stream)


def test_digest_follows_the_bytes(capture, edit):
    before = load_reel(capture).digest
    assert load_reel(capture / "transforms.json").digest == before
    assert len(before) == 64
    edit(lambda d: d["frames"][0].update(time=0.001))
    assert load_reel(capture).digest != before


def test_opengl_to_opencv_is_an_involution_that_keeps_x_and_position():
    rng = np.random.default_rng(0)
    T = rng.normal(size=(5, 4, 4))
    flipped = opencv_from_opengl(T)
    np.testing.assert_array_equal(opencv_from_opengl(flipped), T)
    np.testing.assert_array_equal(flipped[..., [0, 3]], T[..., [0, 3]])


def test_a_file_camera_with_identity_pose_looks_down_with_y_up(edit):
    """In a file, identity means: at the origin, looking along world −z, image-up is world +y."""
    capture = edit(lambda d: [f.update(transform_matrix=np.eye(4).tolist()) for f in d["frames"]])
    camera = load_reel(capture).frames[0].camera
    (u, v), depth = camera.project(np.array([0.0, 0.0, -2.0]))
    assert depth == pytest.approx(2.0)
    assert (u, v) == pytest.approx((camera.cx, camera.cy))
    (_, above), _ = camera.project(np.array([0.0, 0.1, -2.0]))
    assert above < camera.cy


def test_times_start_at_zero_and_frames_are_in_stream_and_time_order(edit):
    def change(d):
        for f in d["frames"]:
            f["time"] += 7.5
        d["frames"].reverse()

    reel = load_reel(edit(change))
    assert reel.times_s[0] == 0
    assert [f.stream for f in reel.frames] == ["side"] * 3 + ["front"] * 3
    assert all(np.all(np.diff([f.time_s for f in s]) > 0) for s in reel.streams.values())


def test_streams_fall_back_to_folders(edit):
    reel = load_reel(edit(lambda d: [f.pop("stream") for f in d["frames"]]))
    assert list(reel.streams) == ["images/front", "images/side"]


def flatten(capture, document):
    """All pictures in one folder and no stream names."""
    for i, entry in enumerate(document["frames"]):
        del entry["stream"]
        (capture / entry["file_path"]).rename(capture / f"{i}.png")
        entry["file_path"] = f"{i}.png"


def test_streams_fall_back_to_chains_of_near_cameras(capture, edit):
    reel = load_reel(edit(lambda d: flatten(capture, d)))
    assert [len(s) for s in reel.streams.values()] == [3, 3]
    heights = [{round(f.camera.position[2], 6) for f in s} for s in reel.streams.values()]
    assert heights == [{0.2}, {0.9}]


def test_views_of_one_instant_that_follow_nothing_are_one_stream(capture, edit):
    def change(d):
        flatten(capture, d)
        d["frames"] = [d["frames"][0], *d["frames"][1:3], *d["frames"][3:]]
        for f in d["frames"][3:]:
            f["time"] = 0.0
            f["transform_matrix"][2][3] += 40.0

    reel = load_reel(edit(change))
    assert sorted(len(s) for s in reel.streams.values()) == [3, 3]


def test_mask_path_wins_over_alpha(capture, edit):
    mask = np.zeros((16, 24), np.uint8)
    mask[4:9, 3:20] = 1
    Image.fromarray(mask).save(capture / "mask.png")
    reel = load_reel(edit(lambda d: d["frames"][0].update(mask_path="mask.png")))
    np.testing.assert_array_equal(reel.frames[0].mask, mask * 255)


def test_opaque_alpha_everywhere_is_no_mask(reel, tmp_path):
    opaque = [
        Frame(f.image, f.time_s, f.camera, np.full((16, 24), 255, np.uint8)) for f in reel.frames
    ]
    write_capture(Reel(tuple(opaque)), tmp_path / "opaque")
    assert all(f.mask is None for f in load_reel(tmp_path / "opaque").frames)


def nerfstudio(capture, document):
    first = document["frames"][0]
    shared = {key: first[key] for key in ("w", "h", "fl_x", "fl_y", "cx", "cy")}
    for f in document["frames"]:
        for key in (*shared, "stream"):
            del f[key]
    document.update(shared, applied_transform=[[1, 0, 0, 0]], k1=0.0, p2=0, orientation="up")


def test_nerfstudio_files_load(reel, capture, edit):
    again = load_reel(edit(lambda d: nerfstudio(capture, d)))
    np.testing.assert_array_equal(again.frames[0].camera.K, reel.frames[0].camera.K)


def test_without_times_there_is_no_motion(capture, edit):
    edit(lambda d: [f.pop("time") for f in d["frames"]])
    with pytest.raises(NoMotionError, match="give each frame its time"):
        load_reel(capture)


def test_one_time_is_no_motion(capture, edit):
    edit(lambda d: [f.update(time=3.0) for f in d["frames"]])
    with pytest.raises(NoMotionError, match="share one time"):
        load_reel(capture)


def test_lens_distortion_is_removed(capture, edit):
    plain = load_reel(capture).frames[0].image
    bent = load_reel(edit(lambda d: d.update(k1=0.3))).frames[0].image
    assert (plain != bent).any()


def test_dnerf_files_load(reel, capture, edit):
    def change(d):
        for f in d["frames"]:
            f["file_path"] = "./" + f["file_path"].removesuffix(".png")
            for key in ("w", "h", "fl_x", "fl_y", "cx", "cy", "stream"):
                del f[key]
            f["rotation"] = 0.1
        d["camera_angle_x"] = 0.69

    edit(change)
    (capture / "transforms.json").rename(capture / "transforms_train.json")
    again = load_reel(capture)
    assert again.frames[0].camera.fx == pytest.approx(12 / math.tan(0.345))
    assert again.frames[0].camera.fy == again.frames[0].camera.fx
    np.testing.assert_array_equal(again.frames[0].image, reel.frames[0].image)
    assert again.masked


def test_max_size_scales_picture_mask_and_camera(capture):
    frame = load_reel(capture, max_size=12).frames[0]
    assert frame.image.shape == (8, 12, 3)
    assert frame.mask.shape == (8, 12)
    assert (frame.camera.width, frame.camera.cx) == (12, 6)


def test_shrinking_keeps_the_background_out_of_the_object(reel, tmp_path):
    image = np.full((16, 24, 3), (0, 255, 0), np.uint8)
    mask = np.zeros((16, 24), np.uint8)
    mask[:, 7:], image[:, 7:] = 255, (200, 10, 30)
    frames = [Frame(image, f.time_s, f.camera, mask) for f in reel.frames]
    write_capture(Reel(tuple(frames)), tmp_path / "c")
    small = load_reel(tmp_path / "c", max_size=12).frames[0]
    assert (small.image[small.mask > 100] == (200, 10, 30)).all()


def set_at(i, key, value):
    return lambda d: d["frames"][i].update({key: value})


NAN_POSE = [[1, 0, 0, 0], [0, float("nan"), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
SKEWED = [[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (set_at(2, "file_path", "images/nothing.png"), CaptureError, r"frames\[2\].file_path.*nothing.png"),  # noqa: E501
        (set_at(1, "transform_matrix", NAN_POSE), CameraError, r"frames\[1\].transform_matrix.*row 1 column 1"),  # noqa: E501
        (set_at(1, "transform_matrix", SKEWED), CameraError, r"frames\[1\].transform_matrix: is not a rigid"),  # noqa: E501
        (set_at(1, "transform_matrix", [[1, 2], [3, 4]]), CaptureError, r"expected \(4, 4\)"),
        (set_at(1, "transform_matrix", "x"), CaptureError, r"frames\[1\].transform_matrix"),
        (set_at(1, "transform_matrix", None), CaptureError, r"is missing"),
        (set_at(4, "w", 25), CaptureError, r"image is 24×16 but w is 25"),
        (set_at(0, "fl_x", -3), CameraError, r"frames\[0\].fl_x: must be positive"),
        (set_at(0, "fl_x", "wide"), CaptureError, r"frames\[0\].fl_x: is not a number"),
        (set_at(0, "cx", 10**400), CaptureError, r"frames\[0\].cx: is not a number"),
        (set_at(0, "time", None), CaptureError, r"frames\[0\].time: is missing"),
        (set_at(3, "time", float("inf")), CaptureError, r"frames\[3\].time: is not finite"),
        (set_at(3, "stream", 5), CaptureError, r"frames\[3\].stream: is not a name"),
        (set_at(0, "file_path", "../secret.png"), CaptureError, "leads out of the capture folder"),
        (set_at(0, "mask_path", "/etc/passwd"), CaptureError, "leads out of the capture folder"),
        (set_at(0, "file_path", "a\0b"), CaptureError, "not a usable path"),
        (set_at(0, "file_path", "x" * 5000), CaptureError, "not a usable path"),
        (set_at(0, "file_path", "transforms.json"), CaptureError, "is not a readable PNG"),
        (lambda d: d.update(frames=[]), CaptureError, "frames: is empty"),
        (lambda d: d.update(frames={}), CaptureError, "must be a list"),
        (lambda d: d["frames"].insert(1, 3), CaptureError, r"frames\[1\]: is not an object"),
        (lambda d: d.update(frames=d["frames"][:1]), TooFewFramesError, "1 frame"),
        (lambda d: d.update(camera_model="OPENCV_FISHEYE"), CaptureError, "fisheye"),
        (lambda d: [f.pop("fl_x") + f.pop("fl_y") for f in d["frames"]], CameraError, "no focal length"),  # noqa: E501
    ],
)  # fmt: skip
def test_faults_are_named_in_one_line(capture, edit, change, error, says):
    edit(change)
    with pytest.raises(error, match=says) as caught:
        load_reel(capture)
    assert "\n" not in str(caught.value)
    assert str(capture) in str(caught.value)


def test_a_picture_outside_is_refused_even_if_a_link_leads_there(capture, edit, tmp_path):
    Image.new("RGB", (24, 16)).save(tmp_path / "outside.png")
    (capture / "link.png").symlink_to(tmp_path / "outside.png")
    edit(set_at(0, "file_path", "link.png"))
    with pytest.raises(CaptureError, match="leads out"):
        load_reel(capture)


def test_malformed_json_is_located(capture):
    (capture / "transforms.json").write_text('{"frames": [\n  {"a" 3}]}')
    with pytest.raises(CaptureError, match="line 2 column 8"):
        load_reel(capture)


@pytest.mark.parametrize(
    "data", [b"", b"[1, 2]", b"\xff\xfe\x00", b"[" * 100_000, b'{"frames": [1e999]}']
)
def test_junk_is_a_capture_error(capture, data):
    (capture / "transforms.json").write_bytes(data)
    with pytest.raises(CaptureError):
        load_reel(capture)


def test_no_index(tmp_path):
    with pytest.raises(CaptureError, match=r"holds no transforms\.json"):
        load_reel(tmp_path)


@pytest.mark.parametrize(
    "limits",
    [
        MediaLimits(max_bytes=1000),
        MediaLimits(max_frames=5),
        MediaLimits(max_frame_pixels=300),
        MediaLimits(max_total_pixels=24 * 16 * 6 - 1),
    ],
)
def test_limits(capture, limits):
    with pytest.raises(MediaLimitError):
        load_reel(capture, limits=limits)


def test_truncated_picture(capture):
    path = capture / "images" / "front" / "0001.png"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CaptureError, match=r"frames\[1\].file_path: 0001.png"):
        load_reel(capture)


def test_writing_refuses_a_full_folder_and_frames_without_cameras(reel, capture, tmp_path):
    with pytest.raises(ConflictError):
        write_capture(reel, capture)
    blind = Reel(tuple(Frame(f.image, f.time_s) for f in reel.frames))
    with pytest.raises(CameraError, match="has no camera"):
        write_capture(blind, tmp_path / "new")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3),  # noqa: E501
    max_leaves=8,
)  # fmt: skip
KEYS = ["file_path", "time", "stream", "w", "h", "fl_x", "fl_y", "cx", "cy", "mask_path"]
KEYS += ["transform_matrix", "k1", "camera_angle_x", "camera_model"]


@settings(
    max_examples=40,
    deadline=None,
)
@given(data=st.data())
def test_any_document_loads_or_fails_with_an_error_of_ours(capture, data):
    path = capture / "transforms.json"
    original = path.read_text()
    document = json.loads(original)
    for _ in range(data.draw(st.integers(1, 3))):
        entry = data.draw(st.sampled_from([document, *document["frames"]]))
        entry[data.draw(st.sampled_from(KEYS))] = data.draw(JUNK)
    try:
        path.write_text(json.dumps(document))
        assert isinstance(load_reel(capture), Reel)
    except InputError as error:
        note(error)
        if "\n" in str(error):
            raise
    finally:
        path.write_text(original)


@settings(
    max_examples=40,
    deadline=None,
)
@given(cut=st.integers(0, 4000), junk=st.binary(max_size=6))
def test_any_bytes_load_or_fail_with_an_error_of_ours(capture, cut, junk):
    path = capture / "transforms.json"
    original = path.read_bytes()
    try:
        path.write_bytes(original[:cut] + junk + original[cut + len(junk) :])
        load_reel(capture)
    except InputError as error:
        note(error)
    finally:
        path.write_bytes(original)


def test_cameras_survive_the_file_bit_for_bit(tmp_path):
    from scipy.spatial.transform import Rotation

    T = np.eye(4)
    T[:3, :3] = Rotation.random(rng=np.random.default_rng(3)).as_matrix()
    T[:3, 3] = [1 / 3, -2e-9, 1e5]
    camera = Camera(4, 3, 5.1, 5.2, 1.7, 1.6, T)
    image = np.zeros((3, 4, 3), np.uint8)
    write_capture(Reel((Frame(image, 0, camera), Frame(image, 1 / 3, camera))), tmp_path / "c")
    again = load_reel(tmp_path / "c").frames[1]
    np.testing.assert_array_equal(again.camera.T_world_camera, T)
    assert again.time_s == 1 / 3

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from PIL import Image

from reel2sim.media import MediaLimits, load_reel, write_video
from reel2sim.scene.errors import (
    CancelledError,
    EmptyMediaError,
    InputError,
    MediaError,
    MediaLimitError,
    TooFewFramesError,
)


def test_what_is_written_is_read(clip, moving_square):
    reel = load_reel(clip)
    assert len(reel.frames) == 20
    np.testing.assert_allclose(reel.times_s, np.arange(20) / 10, atol=1e-6)
    assert not reel.calibrated
    assert len(reel.digest) == 64
    for frame, expected in zip(reel.frames, moving_square(), strict=True):
        assert np.abs(frame.image.astype(int) - expected).mean() < 4


def test_same_frames_same_bytes(tmp_path, moving_square):
    noise = np.random.default_rng(0).integers(0, 20, (48, 64, 3), dtype=np.uint8)
    written = set()
    for _ in range(12):
        write_video(tmp_path / "a.mp4", (f + noise for f in moving_square()), 12.5)
        written.add((tmp_path / "a.mp4").read_bytes())
    assert len(written) == 1


def test_same_file_same_pixels(clip):
    reels = [load_reel(clip, max_size=47) for _ in range(4)]
    pixels = {b"".join(frame.image.tobytes() for frame in reel.frames) for reel in reels}
    assert len(pixels) == 1


def test_index_comes_before_the_data(clip):
    data = clip.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_odd_sizes_are_padded(tmp_path, moving_square):
    write_video(tmp_path / "odd.mp4", moving_square(3, 31, 45), 10)
    assert load_reel(tmp_path / "odd.mp4").frames[0].image.shape == (32, 46, 3)


def test_a_failed_write_leaves_nothing(tmp_path, moving_square):
    frames = list(moving_square(2))
    with pytest.raises(InputError, match="first had"):
        write_video(tmp_path / "x.mp4", [frames[0], frames[1][:-2]], 10)
    with pytest.raises(InputError, match="no frames"):
        write_video(tmp_path / "y.mp4", [], 10)
    with pytest.raises(InputError, match="fps"):
        write_video(tmp_path / "y.mp4", frames, 0)
    assert list(tmp_path.iterdir()) == []


def test_downscale_and_even_selection(clip):
    reel = load_reel(clip, max_size=32, max_frames=5)
    assert reel.frames[0].image.shape == (24, 32, 3)
    np.testing.assert_allclose(reel.times_s, [0, 0.5, 1.0, 1.4, 1.9], atol=1e-6)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (MediaLimits(max_bytes=100), "bytes"),
        (MediaLimits(max_frame_pixels=64 * 48 - 1), "64×48 pixels"),
        (MediaLimits(max_frames=19), "more than the 19 frames"),
        (MediaLimits(max_seconds=1.5), "longer than the 1.5 s"),
        (MediaLimits(max_total_pixels=64 * 48 * 20 - 1), "pixels in all"),
        (MediaLimits(containers=frozenset({"avi"})), "is a mov file"),
    ],
)
def test_limits(clip, limits, says):
    with pytest.raises(MediaLimitError, match=says):
        load_reel(clip, limits=limits)


def test_a_decoder_that_takes_too_long_is_stopped(clip):
    with pytest.raises(MediaLimitError, match="took longer"):
        load_reel(clip, limits=MediaLimits(decoder_seconds=0.0))


def test_a_decoder_without_memory_is_an_input_error(clip):
    """It may see the failed allocation, or die of it: neither reaches this process."""
    with pytest.raises(InputError, match=r"memory|decoder"):
        load_reel(clip, limits=MediaLimits(decoder_memory_bytes=2**20))


def test_a_decoder_that_dies_is_a_media_error(clip, tmp_path, monkeypatch):
    dying = tmp_path / "dying.py"
    dying.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr("reel2sim.media.decoder.__file__", str(dying))
    with pytest.raises(MediaError, match="killed by signal 11"):
        load_reel(clip)


def test_cancelling_stops_the_decoder(clip):
    def cancel(*_, **__):
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        load_reel(clip, progress=cancel)


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("empty.mp4", b"", EmptyMediaError),
        ("text.mp4", b"this is no video, whatever it is called\n" * 9, MediaError),
        ("list.mp4", b"#EXTM3U\nfile:///etc/passwd\n", MediaError),
        ("concat.avi", b"ffconcat version 1.0\nfile '/etc/passwd'\n", MediaError),
        ("head.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", MediaError),
        ("head.mkv", b"\x1a\x45\xdf\xa3" + b"\0" * 64, MediaError),
        ("head.avi", b"RIFF\xff\xff\xff\x7fAVI LIST", MediaError),
        ("head.gif", b"GIF89a\x01\0\x01\0\0\0\0", MediaError),
        ("head.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 30, MediaError),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, name, data, error):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(error, match=name) as caught:
        load_reel(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_what_is_not_there(tmp_path):
    with pytest.raises(MediaError, match="does not exist"):
        load_reel(tmp_path / "nothing.mp4")
    with pytest.raises(MediaError):
        load_reel("a\0b")


def test_a_single_picture_is_too_few_frames(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    with pytest.raises(TooFewFramesError, match="give a video"):
        load_reel(tmp_path / "one.png")


def test_a_single_frame_is_too_few(tmp_path, moving_square):
    write_video(tmp_path / "one.mp4", moving_square(1), 10)
    with pytest.raises(TooFewFramesError):
        load_reel(tmp_path / "one.mp4")


def test_gif_over_white_without_mask(tmp_path):
    frames = []
    for k in range(3):
        rgba = np.zeros((20, 20, 4), np.uint8)
        rgba[5:15, 3 + k : 10 + k] = (200, 0, 0, 255)
        frames.append(Image.fromarray(rgba))
    path = tmp_path / "clear.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=200, disposal=2)
    reel = load_reel(path)
    np.testing.assert_allclose(reel.times_s, [0, 0.2, 0.4])
    assert reel.frames[0].mask is None
    assert (reel.frames[0].image[0, 0] == 255).all()
    assert (reel.frames[0].image[10, 6] == (200, 0, 0)).all()


def test_a_truncated_clip_says_so(tmp_path, clip):
    data = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(MediaError, match=r"truncated|damaged|cannot be"):
        load_reel(tmp_path / "cut.mp4")


@settings(
    max_examples=12,
    deadline=None,
)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=40),
    cut=st.floats(0.3, 1),
)
def test_any_damage_loads_or_fails_with_an_error_of_ours(tmp_path, clip, changes, cut):
    data = bytearray(clip.read_bytes())
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data[: int(cut * len(data))])
    try:
        assert len(load_reel(path).frames) >= 2
    except InputError as error:
        note(error)


@pytest.mark.parametrize(
    ("name", "frames", "seconds"),
    [
        ("rbo_laptop/laptop_model.gif", 31, 3.0),
        ("rbo_laptop/laptop01.avi", 186, 6.167),
        ("rsrd_scissors2/scissors2.mp4", 111, 3.667),  # an edit list hides its first 39
        ("lab4d_cat-pikachu-7/cat-pikachu-7.mp4", 212, 7.033),
    ],
)
def test_real_clips(clips, name, frames, seconds):
    reel = load_reel(clips / name, max_size=160)
    assert len(reel.frames) == frames
    assert reel.times_s[-1] == pytest.approx(seconds, abs=0.01)
    assert max(reel.frames[0].image.shape) == 160
    assert np.ptp(reel.frames[0].image) > 100

"""A camera's faults have the size they are asked for, and none where none is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.generation.sensor import SENSORS, Sensor, parse_sensor, sensed
from reel2sim.generation.view_truth import Take, ViewTruth
from reel2sim.scene.camera import look_at
from reel2sim.scene.errors import UsageError
from reel2sim.scene.reel import Frame, Reel

H, W, SPEED = 64, 96, 12
_CAMERA = look_at(np.array([1.0, 0, 0]), np.zeros(3), width=W, height=H, fov_y=0.5)


def bar(left: int) -> tuple[np.ndarray, np.ndarray]:
    """A dark upright bar on white, 20 pixels wide, and its mask."""
    image, mask = np.full((H, W, 3), 255, np.uint8), np.zeros((H, W), np.uint8)
    mask[:, left : left + 20] = 255
    image[mask > 0] = 60
    return image, mask


def moving(stream: str = "front", count: int = 3) -> Reel:
    pictures = [bar(20 + SPEED * k) for k in range(count)]
    times = [0.0] * count if stream == "static" else [0.1 * k for k in range(count)]
    return Reel(
        tuple(
            Frame(image, t, mask=mask, stream=stream)
            for t, (image, mask) in zip(times, pictures, strict=True)
        )
    )


class Known:
    """Exact flow of the bar."""

    def __init__(self, count: int) -> None:
        self.takes = [Take("front", k, _CAMERA) for k in range(count)]
        self.parts = ("bar",)

    def view(self, index: int) -> ViewTruth:
        mask = bar(20 + SPEED * index)[1] > 0
        flow = np.where(mask[..., None], [float(SPEED), 0.0], np.nan)
        return ViewTruth(mask * 1.0, mask * 1, np.zeros((H, W, 3)), flow, np.zeros((H, W), bool))


def flat(level: int, count: int = 2) -> Reel:
    image = np.full((H, W, 3), level, np.uint8)
    return Reel(tuple(Frame(image, 0.1 * k, stream="front") for k in range(count)))


def light(frame: Frame) -> np.ndarray:
    return linear_from_srgb(frame.image / 255.0)


def test_no_fault_changes_nothing():
    reel = moving()
    assert sensed(reel, Sensor()) is reel
    faint = sensed(reel, Sensor(read=1e-9))
    assert all(
        np.array_equal(a.image, b.image) for a, b in zip(faint.frames, reel.frames, strict=True)
    )


@pytest.mark.parametrize("name", [name for name in SENSORS if name != "none"])
def test_the_same_seed_gives_the_same_pixels_and_another_others(name):
    made = [sensed(moving(), SENSORS[name], seed=s).frames for s in (4, 4, 5)]
    pixels = [b"".join(f.image.tobytes() for f in frames) for frames in made]
    assert pixels[0] == pixels[1] != pixels[2]


@settings(max_examples=10, deadline=None)
@given(level=st.integers(90, 190), shot=st.floats(300, 5000), read=st.floats(0.004, 0.03))
def test_noise_has_the_variance_of_photons_and_electronics(level, shot, read):
    expected = linear_from_srgb(np.array(level / 255.0))
    found = light(sensed(flat(level), Sensor(shot=shot, read=read)).frames[1])
    assert found.mean() == pytest.approx(float(expected), abs=4e-3)
    assert found.var() == pytest.approx(float(expected / shot + read**2), rel=0.1)


def test_noise_differs_from_picture_to_picture_and_channel_to_channel():
    first, second = (f.image.astype(float) for f in sensed(flat(128), Sensor(read=0.02)).frames)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(first[..., 0].ravel(), first[..., 1].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.5, 4.0])
def test_defocus_keeps_light_and_spreads_it_over_a_disc(radius):
    image = np.zeros((33, 33, 3), np.uint8)
    image[16, 16] = 255
    reel = Reel((Frame(image, 0.0), Frame(image, 1.0)))
    spread = light(sensed(reel, Sensor(defocus_px=radius)).frames[0])[..., 0]
    y, x = np.mgrid[-16:17, -16:17]
    assert spread.sum() == pytest.approx(1.0, abs=0.05)
    assert not spread[np.hypot(y, x) > radius + 0.8].any()
    if radius >= 2:
        assert spread[16, 16] == pytest.approx(1 / (np.pi * radius**2), rel=0.1)


@pytest.mark.parametrize("rolling", [0.3, 0.8])
def test_rolling_shutter_shears_what_moves_sideways(rolling):
    reel = sensed(moving(), Sensor(rolling=rolling), views=Known(3))
    for k, frame in enumerate(reel.frames[:2]):
        dark = 1 - light(frame)[..., 0]
        middle = (dark * (np.arange(W) + 0.5)).sum(axis=1) / dark.sum(axis=1)
        lean = np.polyfit((np.arange(H) + 0.5) / H, middle, 1)
        assert lean[0] == pytest.approx(SPEED * rolling, rel=0.05)
        assert middle.mean() == pytest.approx(30 + SPEED * k, abs=0.1)
        mask = frame.mask.astype(float)
        assert np.polyfit(np.arange(H) / H, (mask * np.arange(W)).sum(1) / mask.sum(1), 1)[
            0
        ] == pytest.approx(SPEED * rolling, rel=0.05)


@pytest.mark.parametrize("shutter", [0.5, 1.0])
def test_motion_blur_is_as_wide_as_the_way_travelled(shutter):
    frame = sensed(moving(), Sensor(shutter=shutter), views=Known(3)).frames[1]
    row = light(frame)[H // 2, :, 0]
    low, high = row.min(), row.max()
    between = ((row > low + 0.02) & (row < high - 0.02)).sum()
    assert between == pytest.approx(2 * SPEED * shutter, abs=3)
    assert (high - row).sum() == pytest.approx(20 * (high - low), rel=0.02)  # nothing is lost


def test_motion_is_estimated_where_nobody_knows_it():
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.normal(size=(H, W + 8)), 2.0)
    wide = np.clip(128 + 400 * noise, 0, 255)[..., None].repeat(3, -1)
    frames = tuple(
        Frame(wide[:, 3 * k : 3 * k + W].astype(np.uint8), 0.1 * k, stream="front")
        for k in range(3)
    )
    blurred = sensed(Reel(frames), Sensor(shutter=1.0)).frames[1].image.astype(float)
    across = [np.abs(np.diff(f, axis=1)).mean() for f in (frames[1].image.astype(float), blurred)]
    down = [np.abs(np.diff(f, axis=0)).mean() for f in (frames[1].image.astype(float), blurred)]
    assert across[1] / across[0] < 0.9 * down[1] / down[0]  # it blurs along the motion


def test_still_streams_are_taken_at_leisure():
    reel = moving("static")
    assert all(
        np.array_equal(a.image, b.image)
        for a, b in zip(
            sensed(reel, Sensor(shutter=1.0, rolling=1.0)).frames, reel.frames, strict=True
        )
    )


def test_exposure_wanders_within_its_bounds():
    levels = [light(f).mean() for f in sensed(flat(128, 30), Sensor(drift_stops=0.5)).frames]
    stops = np.log2(levels / linear_from_srgb(np.array(128 / 255)))
    assert 0.1 < np.abs(stops).max() < 0.52
    assert np.abs(np.diff(stops)).max() < 0.5


def noise_reel() -> Reel:
    rng = np.random.default_rng(1)
    grey = np.kron(rng.integers(40, 215, (16, 24)), np.ones((4, 4)))
    image = np.repeat(grey[..., None], 3, axis=-1).astype(np.uint8)
    return Reel(tuple(Frame(np.roll(image, k, axis=1), 0.1 * k) for k in range(3)))


@pytest.mark.parametrize(
    "sensors",
    [
        [Sensor(jpeg=q) for q in (95, 60, 20, 5)],
        [Sensor(crf=q) for q in (1, 20, 35, 51)],
    ],
)
def test_stronger_compression_loses_more(sensors):
    reel = noise_reel()
    errors = [
        np.mean(
            [
                (a.image.astype(float) - b.image) ** 2
                for a, b in zip(sensed(reel, sensor).frames, reel.frames, strict=True)
            ]
        )
        for sensor in sensors
    ]
    assert errors == sorted(errors)
    assert errors[0] < 60
    assert errors[-1] > 2 * errors[0]


def test_words_name_sensors_and_settings():
    assert parse_sensor("phone") == SENSORS["phone"]
    changed = parse_sensor("phone, crf=35,read=0.01")
    assert (changed.crf, changed.read, changed.shutter) == (35, 0.01, SENSORS["phone"].shutter)
    for text, said in (
        ("phome", "did you mean 'phone'"),
        ("crf=x", "crf"),
        ("crf=99", "crf"),
        ("shuter=1", "did you mean 'shutter'"),
        ("crf=3,phone", "not understood"),
        ("", "not understood"),
    ):
        with pytest.raises(UsageError, match=said):
            parse_sensor(text)

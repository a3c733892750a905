"""Which frames the rig looks at."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.rigging.pictures.footage import Normalisation, prepare
from reel2sim.scene import Frame, Reel
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import look_at
from reel2sim.scene.errors import RiggingError

NORM = Normalisation(np.array([1.0, 2.0, 0.5]), 2.0)


def ring(count: int, *, instants: int = 3) -> list[Frame]:
    """Cameras around the subject that stay, in a stream each."""
    angles = 2 * np.pi * np.arange(count) / count
    frames = []
    for k, angle in enumerate(angles):
        eye = NORM.center + 5 * np.array([np.cos(angle), np.sin(angle), 0.3])
        camera = look_at(eye, NORM.center, width=8, height=8, fov_y=0.8)
        picture, mask = np.zeros((8, 8, 3), np.uint8), np.full((8, 8), 255, np.uint8)
        frames += [Frame(picture, float(t), camera, mask, f"cam{k}") for t in range(instants)]
    return frames


def sides(names: tuple[str, ...], count: int) -> Array:
    """Angles of cameras, sorted, degrees."""
    return np.sort([360 / count * int(name.removeprefix("cam")) for name in names])


def test_few_streams_are_all_kept() -> None:
    footage = prepare(Reel(tuple(ring(3))), NORM, max_times=8, max_streams=4)
    assert footage.streams == ("cam0", "cam1", "cam2")


@pytest.mark.parametrize("count", [8, 12])
def test_of_many_cameras_those_from_all_sides_are_kept(count: int) -> None:
    footage = prepare(Reel(tuple(ring(count))), NORM, max_times=8, max_streams=4)
    gaps = np.diff(sides(footage.streams, count))
    assert len(footage.streams) == 4
    assert gaps.min() >= 85


def test_the_order_of_frames_does_not_matter() -> None:
    frames = ring(9)
    a, b = (
        prepare(Reel(tuple(x)), NORM, max_times=8, max_streams=4) for x in (frames, frames[::-1])
    )
    assert a.streams == b.streams


def test_the_longest_stream_is_always_kept() -> None:
    frames = [f for f in ring(8, instants=5) if f.stream == "cam3" or f.time_s < 2]
    footage = prepare(Reel(tuple(frames)), NORM, max_times=8, max_streams=1)
    assert footage.streams == ("cam3",)


def test_a_reel_without_motion_is_refused() -> None:
    with pytest.raises(RiggingError, match="two different times"):
        prepare(Reel(tuple(ring(4, instants=1))), NORM, max_times=8, max_streams=4)

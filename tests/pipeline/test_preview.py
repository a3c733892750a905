"""The pictures of a bundle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reel2sim.pipeline.preview import PALETTE, link_colors, preview_frames, render_preview
from reel2sim.scene import Reel

from .conftest import TIMES, make_asset, make_reel


def test_frames_come_from_the_front_if_it_moves() -> None:
    reel = make_reel(streams=("left", "front"))
    assert {frame.stream for frame in preview_frames(reel, most=24)} == {"front"}
    still = [f for f in reel.frames if f.stream != "front" or f.time_s == 0.0]
    assert {f.stream for f in preview_frames(Reel(tuple(still)), most=24)} == {"left"}


@pytest.mark.parametrize("most", [1, 2, 3, 24])
def test_frames_are_evenly_picked_and_few(most: int) -> None:
    frames = preview_frames(make_reel(), most=most)
    times = [frame.time_s for frame in frames]
    assert len(frames) == min(most, len(TIMES))
    assert times == sorted(set(times))
    assert times[0] == 0.0


def test_links_differ_in_colour_and_only_the_root_is_grey() -> None:
    colors = link_colors(22)
    assert len(np.unique(colors.round(4), axis=0)) == 22
    assert np.allclose(colors[0], PALETTE[0] / 255)
    assert not np.isclose(colors[1:], PALETTE[0] / 255).all(axis=1).any()


def test_pictures_have_one_even_size_and_show_the_parts() -> None:
    reel = make_reel(size=45)
    media = render_preview(make_asset(), reel, frames=3, size=40)
    assert media is not None
    shape = (3, 40, 40, 3)
    for pictures in (media.input_frames, media.reconstructed, media.parts):
        assert pictures.shape == shape
        assert pictures.dtype == np.uint8
    assert media.fps == pytest.approx(2.0)
    assert (media.parts[0, 0, 0] == 255).all()
    assert (media.parts[0] != 255).any()
    assert (media.reconstructed[0] != media.reconstructed[-1]).any()


def test_outside_the_mask_the_input_is_white() -> None:
    reel = make_reel()
    frames = tuple(replace(f, mask=np.zeros_like(f.mask)) for f in reel.frames)
    media = render_preview(make_asset(), Reel(frames), frames=1)
    assert media is not None
    assert (media.input_frames == 255).all()


def test_without_cameras_there_are_no_pictures() -> None:
    frames = tuple(replace(frame, camera=None) for frame in make_reel().frames)
    assert render_preview(make_asset(), Reel(frames)) is None

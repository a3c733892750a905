"""``reel2sim generate`` with a place, a light, a camera and the truth of every picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reel2sim.cli.main import main
from reel2sim.generation import load_truth
from reel2sim.generation.view_truth import load_views
from reel2sim.media import load_reel

COMMON = ["--prompt", "a laptop, the lid opens", "--max-size", "24", "--quiet", "--json"]


def test_options_change_pictures_but_not_what_is_true(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plain, hard = tmp_path / "plain", tmp_path / "hard"
    assert main(["generate", *COMMON, "--out", str(plain), "--truth"]) == 0
    capfd.readouterr()
    options = ["--background", "floor", "--lighting", "daylight", "--sensor", "shot=500,jpeg=60"]
    assert main(["generate", *COMMON, "--out", str(hard), "--truth", *options]) == 0
    assert json.loads(capfd.readouterr().out)["truth"] is True
    reels = [load_reel(folder) for folder in (plain, hard)]
    views = [load_views(folder) for folder in (plain, hard)]
    truths = [load_truth(folder) for folder in (plain, hard)]
    assert len(reels[0].frames) == len(views[0]) == len(views[1])
    np.testing.assert_array_equal(truths[0].link_poses["lid"], truths[1].link_poses["lid"])
    assert views[0].parts == truths[0].parts
    for k in (0, 30, 60):
        a, b = (reel.frames[k] for reel in reels)
        assert (a.stream, a.time_s) == (views[0].streams[k], views[0].times_s[k])
        assert not np.array_equal(a.image, b.image)
        assert a.mask is not None
        assert b.mask is not None
        assert np.array_equal(a.mask, b.mask)
        seen, around = (each.view(k) for each in views)
        np.testing.assert_array_equal(seen.part, around.part)
        instant = int(np.searchsorted(truths[0].times_s, a.time_s))
        lid = truths[0].link_poses["lid"][instant]
        np.testing.assert_allclose(seen.part_poses["lid"], lid, atol=1e-9)


def test_a_wrong_sensor_is_refused_before_any_work(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "capture"
    assert main(["generate", *COMMON, "--out", str(out), "--sensor", "fone"]) != 0
    assert "phone" in capfd.readouterr().err
    assert not out.exists()

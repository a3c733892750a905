"""Two engines that are given the same torques."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from reel2sim.cli.main import main
from reel2sim.envs.engines import compare_engines
from reel2sim.scene.errors import BundleError


@pytest.mark.parametrize("kind", ["drawer", "thrown", "gripper"])
def test_engines_agree_on_what_both_can_simulate(bundles: dict[str, Path], kind: str) -> None:
    gap = compare_engines(bundles[kind])
    assert (gap.damping_kept == 1).all()
    assert gap.times_s[-1] == pytest.approx(1.0)
    assert np.ptp(gap.q_pybullet, axis=0).min() > 0.1
    np.testing.assert_allclose(gap.shares[0], 0, atol=1e-9)
    assert gap.worst < 0.02
    assert gap.last <= gap.worst


@pytest.mark.parametrize(
    ("old", "new"), [('mass="3.0"', 'mass="4.5"'), ('damping="2.0"', 'damping="20.0"')]
)
def test_a_model_with_other_physics_parts_from_the_other(bundles, tmp_path, old, new) -> None:
    keep = shutil.ignore_patterns("usd", "*.usdz", "*.glb", "*.html", "*.ply", "*.npz")
    copy = shutil.copytree(bundles["drawer"], tmp_path / "copy", ignore=keep)
    text = (copy / "scene.xml").read_text()
    assert old in text
    (copy / "scene.xml").write_text(text.replace(old, new))
    assert compare_engines(copy).worst > 5 * compare_engines(bundles["drawer"]).worst
    (copy / "scene.xml").write_text("<mujoco><worldbody>")
    with pytest.raises(BundleError, match="MuJoCo cannot load it"):
        compare_engines(copy)


def test_damping_that_cannot_be_integrated_is_said_to_be_less(bundles) -> None:
    gap = compare_engines(bundles["laptop"])
    assert 0 < gap.damping_kept[0] < 0.5


def test_the_command_shows_how_far_engines_part(bundles, capfd) -> None:
    assert main(["env", str(bundles["arm"]), "--engines", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert [joint["name"] for joint in record["joints"]] == ["spin", "knob", "lever"]
    assert all(joint["largest_gap"] >= joint["last_gap"] >= 0 for joint in record["joints"])

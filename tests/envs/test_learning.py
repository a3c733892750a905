"""Training leads somewhere: by reward, by imitation, over many bundles."""

from __future__ import annotations

import shutil
from pathlib import Path

import gymnasium
import pytest
import torch

from reel2sim.envs import make_pack, save_pack
from reel2sim.media import VideoWriter
from reel2sim.scene.errors import UsageError
from reel2sim.training import TrainConfig, evaluate, load_policy, train

from .test_training import QUICK, small


@pytest.mark.slow
def test_a_joint_is_learned_to_be_opened(bundles, tmp_path: Path) -> None:
    config = TrainConfig(
        bundle=bundles["drawer"], out=tmp_path / "run", steps=8_000, evaluate_every=8_000
    )
    result = train(config, film=VideoWriter)
    assert result.best.success >= 0.9
    assert all(x.success <= 0.3 for x in result.baselines.values())
    names = {path.name for path in config.out.iterdir()}
    assert names >= {"config.json", "policy.pt", "progress.csv", "curve.png", "policy.mp4"}
    assert list((config.out / "tensorboard").iterdir())
    assert not [name for name in names if "part" in name]

    def score(bundle: str):
        env = gymnasium.make("Reel2Sim/OpenJoint-v0", bundle=str(bundles[bundle]))
        with env:
            return evaluate(env, load_policy(config.out, env), episodes=20)

    assert score("drawer") == result.best, "the policy in the file is the one that was judged"
    assert score("laptop").length == 60, "any object has the same observations"
    env = gymnasium.make("Reel2Sim/TrackMotion-v0", bundle=str(bundles["arm"]))
    with env, pytest.raises(UsageError, match="other observations"):
        load_policy(config.out, env)


def test_imitation_is_a_better_start(bundles, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("reel2sim.training.cloning._UPDATES", 600)
    config = small(bundles["arm"], tmp_path / "scratch", task="track-motion", steps=256)
    scratch = train(config)
    for algo in ("ppo", "sac"):
        cloned = train(
            small(
                bundles["arm"], tmp_path / algo, task="track-motion", algo=algo, steps=128,
                demonstrations=6,
            )
        )  # fmt: skip
        reference = cloned.baselines["reference"].mean_return
        assert cloned.marks[0].evaluation.mean_return > 0.9 * reference
        assert scratch.marks[0].evaluation.mean_return < 0.7 * reference
    with pytest.raises(UsageError, match="demonstrations"):
        train(small(bundles["drawer"], tmp_path / "none", demonstrations=2))


def test_scales_of_observations_are_kept(bundles, tmp_path: Path) -> None:
    config = small(bundles["arm"], tmp_path / "run", task="track-motion",
                   hyper={**QUICK, "normalize": True})  # fmt: skip
    result = train(config)
    env = gymnasium.make("Reel2Sim/TrackMotion-v0", bundle=str(bundles["arm"]))
    with env:
        found = evaluate(env, load_policy(config.out, env), episodes=2)
    assert found.mean_return == pytest.approx(result.best.mean_return, rel=1e-5)
    assert torch.load(config.out / "policy.pt", weights_only=True)["scales"][""]["count"] > 380


def test_a_pack_is_trained_on_one_split_and_judged_by_the_other(bundles, tmp_path) -> None:
    slim = shutil.ignore_patterns("usd", "*.usdz", "*.glb", "*.html", "*.ply", "*.npz")
    for i in range(3):
        shutil.copytree(bundles["drawer"], tmp_path / f"many/d{i}", ignore=slim)
        shutil.copytree(bundles["laptop"], tmp_path / f"many/l{i}", ignore=slim)
    save_pack(make_pack(tmp_path / "many", test=0.5))
    result = train(small(tmp_path / "many", tmp_path / "run", steps=256))
    assert result.steps == 256
    assert set(result.baselines) == {"random", "nothing"}

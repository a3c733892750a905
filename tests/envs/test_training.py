"""Training: the same run gives the same bits, goes on after any end, and learns."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from reel2sim.cli.main import main
from reel2sim.scene.errors import BundleError, CancelledError, ConflictError, UsageError
from reel2sim.scene.files import whole
from reel2sim.training import TrainConfig, load_policy, train
from reel2sim.training.journal import read_journal, write_journal

QUICK = {"rollout_steps": 128, "batch_size": 64, "n_epochs": 2}
SMALL = {"steps": 384, "evaluate_every": 256, "checkpoint_every": 128, "episodes": 1}


def small(bundle: Path, out: Path, **more) -> TrainConfig:
    """A run of a few seconds."""
    options = {"bundle": bundle, "out": out, "hyper": QUICK, **SMALL, **more}
    if options.get("algo") == "sac":
        options["hyper"] = {"learning_starts": 300, "batch_size": 32}
    return TrainConfig(**options)


def weights(folder: Path, name: str = "checkpoint.pt") -> bytes:
    """All parameters of a run."""
    state = torch.load(folder / name, weights_only=True)["parameters"]
    modules = state.values() if name == "checkpoint.pt" else [state]
    tensors = [t for m in modules for t in m.values() if isinstance(t, torch.Tensor)]
    assert tensors
    return b"".join(t.numpy().tobytes() for t in tensors)


def figures(folder: Path) -> list[tuple]:
    """All evaluations of a run, without times."""
    return [(mark.steps, mark.evaluation) for mark in read_journal(folder)[0]]


@pytest.mark.parametrize("algo", ["ppo", "sac"])
def test_a_run_repeats_bit_by_bit(bundles, tmp_path: Path, algo) -> None:
    config = small(bundles["drawer"], tmp_path / "a", algo=algo, her=algo == "sac")
    for name in ("a", "b"):
        train(replace(config, out=tmp_path / name))
    train(replace(config, out=tmp_path / "other", seed=1))
    assert figures(tmp_path / "a") == figures(tmp_path / "b")
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "other")


@pytest.mark.slow
def test_processes_change_nothing_but_time(bundles, tmp_path: Path) -> None:
    config = small(bundles["drawer"], tmp_path / "one", hyper={**QUICK, "envs": 2})
    train(config)
    train(replace(config, out=tmp_path / "two", processes=2))
    assert weights(tmp_path / "one") == weights(tmp_path / "two")


def ends_after(steps: int):
    """A progress that ends the run somewhere, as a kill would."""

    def report(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        if stage == "training" and metrics.get("steps", 0) > steps:
            raise CancelledError("stop", source="test")

    return report


@pytest.mark.parametrize(("algo", "keep"), [("ppo", False), ("sac", False), ("sac", True)], ids=str)
def test_a_run_that_ended_anywhere_goes_on(bundles, tmp_path, monkeypatch, algo, keep) -> None:
    monkeypatch.setattr("reel2sim.training.watch._TELL_S", 0.0)
    config = small(
        bundles["drawer"], tmp_path / "a", algo=algo, her=keep, keep_replay=keep, steps=512
    )
    with pytest.raises(CancelledError):
        train(config, progress=ends_after(300))
    state = torch.load(tmp_path / "a/checkpoint.pt", weights_only=True)
    assert 300 - 128 - 4 <= state["steps"] <= 300 + 4
    assert (tmp_path / "a/replay.pt").exists() == keep
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first = train(config, resume=True)
    again = train(replace(config, out=tmp_path / "b"), resume=True)
    assert first.steps == again.steps == 512
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert figures(tmp_path / "a") == figures(tmp_path / "b")
    steps = [mark.steps for mark in first.marks]
    assert steps == sorted(set(steps))
    assert steps[0] == 0
    assert steps[-1] == 512
    with pytest.raises(ConflictError, match="--resume"):
        train(config)
    with pytest.raises(UsageError, match="seed"):
        train(replace(config, seed=3), resume=True)
    more = train(replace(config, steps=640), resume=True)
    assert more.steps == 640
    assert more.cpu_s > first.cpu_s


def test_the_replay_buffer_comes_back_as_it_was(bundles, tmp_path: Path) -> None:
    from reel2sim.training.checkpoint import put_replay, replay_state
    from reel2sim.training.cloning import play
    from reel2sim.training.learner import make_learner, make_venv
    from reel2sim.training.presets import settings

    config = small(bundles["drawer"], tmp_path / "x", algo="sac", her=True)
    chosen = settings(config)
    venv = make_venv(config, chosen)
    one, other = (make_learner(config, chosen, venv) for _ in range(2))
    rng = np.random.default_rng(0)
    play(one, lambda seen: rng.uniform(-1, 1, (venv.num_envs, 1)), episodes=6)
    state = replay_state(one)
    assert put_replay(other, state)
    assert other.replay_buffer.pos == one.replay_buffer.pos > 60
    np.random.seed(3)
    drawn = one.replay_buffer.sample(64)
    np.random.seed(3)
    found = other.replay_buffer.sample(64)
    for a, b in zip(drawn, found, strict=True):
        for key in a if isinstance(a, dict) else ():
            assert torch.equal(a[key], b[key])
        assert isinstance(a, dict) or a is b is None or torch.equal(a, b)
    venv.close()


class Bomb:
    """Runs something when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


@pytest.mark.parametrize("content", ["bomb", "noise", "nothing"])
def test_files_of_strangers_run_nothing(bundles, tmp_path, monkeypatch, content) -> None:
    monkeypatch.chdir(tmp_path)
    config = small(bundles["drawer"], tmp_path / "run", steps=128)
    train(config)
    made = {"bomb": pickle.dumps(Bomb()), "noise": b"\x80\x02nonsense", "nothing": b""}
    (config.out / "policy.pt").write_bytes(made[content])
    torch.save(Bomb(), config.out / "checkpoint.pt")
    env = gymnasium.make("Reel2Sim/OpenJoint-v0", bundle=str(bundles["drawer"]))
    with env, pytest.raises(BundleError, match=r"policy\.pt"):
        load_policy(config.out, env)
    with pytest.raises(BundleError, match=r"checkpoint\.pt"):
        train(replace(config, steps=256), resume=True)
    assert not Path("exploded").exists()


def raise_in(path: Path) -> None:
    """Half a write."""
    path.write_text("tw")
    raise OSError("disk full")


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with whole(path) as part:
        part.write_text("one")
    with pytest.raises(OSError, match="full"), whole(path) as part:
        raise_in(part)
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"algo": "dqn"}, "algo"),
        ({"her": True}, "her"),
        ({"steps": 0}, "steps"),
        ({"minutes": float("nan")}, "minutes"),
        ({"task": "fly"}, "task"),
        ({"task": "Reel2Sim/Pack-v0"}, "task"),
        ({"hyper": {"gamme": 0.9}}, "hyper.gamme"),
        ({"hyper": {"gamma": "much"}}, "hyper.gamma"),
        ({"env": {"colour": 1}}, "colour"),
    ],
)
def test_what_cannot_be_is_refused_by_name(bundles, tmp_path, options, field) -> None:
    with pytest.raises(UsageError, match=field):
        train(TrainConfig(bundle=bundles["drawer"], out=tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


def test_the_journal_reads_back(bundles, tmp_path: Path) -> None:
    result = train(small(bundles["drawer"], tmp_path / "run", steps=256))
    marks, baselines = read_journal(tmp_path / "run")
    assert (tuple(marks), baselines) == (result.marks, result.baselines)
    (tmp_path / "copy").mkdir()
    write_journal(tmp_path / "copy", marks, baselines)
    for name in ("progress.json", "progress.csv"):
        assert (tmp_path / "copy" / name).read_text() == (tmp_path / "run" / name).read_text()


def test_the_command_trains_and_what_it_trained_is_played(bundles, tmp_path, capfd) -> None:
    out = str(tmp_path / "run")
    arguments = ["train", str(bundles["drawer"]), "--out", out, "--steps", "256", "--episodes", "2",
                 "--hyper", "rollout_steps=128", "net=[8]", "--set", "control=velocity",
                 "--no-video", "--json"]  # fmt: skip
    assert main(arguments) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["steps"] == 256
    assert set(record["baselines"]) == {"random", "nothing"}
    described = json.loads((tmp_path / "run/config.json").read_text())
    assert described["settings"]["net"] == [8]
    assert described["train"]["env"] == {"control": "velocity"}
    assert main(["env", str(bundles["drawer"]), "--policy", out, "--steps", "60", "--json"]) == 0
    played = json.loads(capfd.readouterr().out)
    assert played["id"] == "Reel2Sim/OpenJoint-v0"
    assert [x["policy"] for x in played["policies"]] == ["trained", "at rest", "random"]
    assert main(["train", str(bundles["drawer"]), "--out", out, "--set", "control"]) == 2
    assert "--set" in capfd.readouterr().err


def test_importing_it_loads_nothing_heavy_and_says_what_is_missing() -> None:
    script = (
        "import sys, reel2sim.training as t\n"
        "print([m for m in ('torch', 'stable_baselines3', 'matplotlib') if m in sys.modules])\n"
        "sys.modules['stable_baselines3'] = None\n"
        "try: t.train(t.TrainConfig(bundle='x', out='y'))\n"
        "except Exception as fault: print(fault)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert first == "[]"
    assert "stable_baselines3 is not installed (pip install 'reel2sim[train]')" in second

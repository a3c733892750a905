"""Many bundles as one benchmark."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from reel2sim.cli.main import main
from reel2sim.envs import OpenJointEnv, PackEnv, load_pack, make_pack, save_pack
from reel2sim.exporters import export_bundle
from reel2sim.scene.errors import BundleError, UsageError

from .conftest import asset, box

SLIM = shutil.ignore_patterns("usd", "*.usdz", "*.glb", "*.html", "*.ply", "*.npz")


@pytest.fixture(scope="session")
def many(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight bundles at two depths, one that does not move, and a folder that is broken."""
    root = tmp_path_factory.mktemp("pack")
    for i in range(4):
        shutil.copytree(bundles["drawer"], root / f"drawers/{i}", ignore=SLIM)
        shutil.copytree(bundles["laptop"], root / f"laptop_{i}", ignore=SLIM)
    stone = asset("stone", [box("stone", (0.1, 0.1, 0.1), (0, 0, 0.1), 1.0)], [], {})
    export_bundle(stone, root / "stone", media=None, provenance=None)
    shutil.copytree(bundles["arm"], root / "broken", ignore=SLIM)
    (root / "broken" / "motion.json").write_text("{")
    return root


def test_a_pack_lists_what_can_be_used_and_says_what_cannot(many: Path) -> None:
    pack = make_pack(many, test=0.5)
    expected = [*(f"drawers/{i}" for i in range(4)), *(f"laptop_{i}" for i in range(4))]
    assert [bundle.folder for bundle in pack.bundles] == expected
    assert dict(pack.refused).keys() == {"broken", "stone"}
    assert "not JSON" in dict(pack.refused)["broken"]
    assert {bundle.split for bundle in pack.bundles} == {"train", "test"}
    save_pack(pack)
    loaded = load_pack(many)
    assert (loaded.root, loaded.bundles) == (pack.root, pack.bundles)


def test_a_bundle_stays_in_its_split_when_others_join(many: Path, tmp_path: Path) -> None:
    few = shutil.copytree(many, tmp_path / "few")
    shutil.rmtree(few / "laptop_1")
    before = {b.folder: b.split for b in make_pack(few, test=0.5, seed=3).bundles}
    after = {b.folder: b.split for b in make_pack(many, test=0.5, seed=3).bundles}
    assert before.items() <= after.items()
    splits = [tuple(b.split for b in make_pack(many, test=0.5, seed=s).bundles) for s in range(8)]
    assert len(set(splits)) > 4
    assert {b.split for b in make_pack(many, test=0.0).bundles} == {"train"}
    assert {b.split for b in make_pack(many, test=1.0).bundles} == {"test"}


@pytest.fixture
def packed(many: Path) -> Path:
    save_pack(make_pack(many, test=0.4))
    return many


def test_gymnasium_finds_no_fault(packed: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(
            "reel2sim.envs:Reel2Sim/Pack-v0", pack=str(packed), render_mode="rgb_array"
        )
        check_env(env.unwrapped)
        env.close()


def test_episodes_are_of_all_bundles_of_the_split_and_repeat(packed: Path) -> None:
    env = gymnasium.make("reel2sim.envs:Reel2Sim/Pack-v0", pack=str(packed), split="train")
    train = {bundle.folder for bundle in load_pack(packed).of("train")}
    played = [env.reset(seed=seed)[1]["bundle"] for seed in range(60)]
    assert set(played) == train
    assert played == [env.reset(seed=seed)[1]["bundle"] for seed in range(60)]
    test = {bundle.folder for bundle in load_pack(packed).of("test")}
    assert not train & test
    env.close()


def test_a_packs_episode_is_the_bundles_own(packed: Path) -> None:
    env = PackEnv(packed, split="train", control="velocity")
    folder = env.bundles[-1]
    observation, info = env.reset(seed=0, options={"bundle": folder, "goal": 0.7, "start": 0.2})
    alone = OpenJointEnv(packed / folder, control="velocity")
    expected, _ = alone.reset(seed=9, options={"goal": 0.7, "start": 0.2})
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 1)):
        for key, value in expected.items():
            np.testing.assert_array_equal(observation[key], value)
        observation, a, *_, info = env.step(action)
        expected, b, *_ = alone.step(action)
        assert (a, info["bundle"]) == (b, folder)
    assert env.compute_reward(np.zeros((3, 1)), np.ones((3, 1)), {}).shape == (3,)
    env.close()
    alone.close()


def test_only_so_many_servers_stay_open(packed: Path, monkeypatch) -> None:
    monkeypatch.setattr("reel2sim.envs.pack._KEPT", 2)
    env = PackEnv(packed, split="train")
    for folder in env.bundles * 2:
        env.reset(seed=0, options={"bundle": folder})
        env.step(np.zeros(1))
        assert len(env._open) <= 2
    env.close()
    assert not env._open


def test_bundles_with_other_spaces_are_named(bundles, tmp_path: Path) -> None:
    for name in ("arm", "drawer"):
        shutil.copytree(bundles[name], tmp_path / name, ignore=SLIM)
    save_pack(make_pack(tmp_path, test=0.0))
    env = PackEnv(tmp_path, task="TrackMotion")
    with pytest.raises(UsageError, match="drawer: has other spaces than arm"):
        env.reset(options={"bundle": "drawer"})
    env.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 7}, "schema_version: is 7"),
        ({"bundles": 3}, "bundles"),
        ({"bundles": [{"folder": "../x", "name": "x", "joints": 1, "split": "test"}]}, "outside"),
        ({"bundles": [{"folder": "x", "name": "x", "joints": 1, "split": "y"}]}, "split: is 'y'"),
    ],
)
def test_broken_packs_are_refused_by_field(packed: Path, change, message) -> None:
    path = packed / "pack.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, **change}))
    with pytest.raises(BundleError, match=message):
        load_pack(packed)


def test_wrong_options_are_refused(packed: Path, tmp_path: Path) -> None:
    for options, message in (
        ({"split": "other"}, "expected 'train' or 'test'"),
        ({"task": "Fly"}, "is no task"),
        ({"render_mode": "human"}, "expected None or 'rgb_array'"),
        ({"contro": "torque"}, "contro: is not an option"),
    ):
        with pytest.raises(UsageError, match=message):
            PackEnv(packed, **options)
    with pytest.raises(BundleError, match="run `reel2sim pack`"):
        PackEnv(tmp_path)
    with pytest.raises(BundleError, match="holds no bundle"):
        make_pack(tmp_path)
    with pytest.raises(UsageError, match="expected a share"):
        make_pack(packed, test=2.0)
    env = PackEnv(packed, split="train")
    with pytest.raises(UsageError, match="not in the split"):
        env.reset(options={"bundle": "nothing"})
    env.close()


def test_the_command_writes_the_list(many: Path, capfd) -> None:
    assert main(["pack", str(many), "--test", "0.5", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert (record["train"] + record["test"], len(record["refused"])) == (8, 2)
    assert load_pack(many).bundles[0].folder == "drawers/0"

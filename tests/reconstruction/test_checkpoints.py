"""Work that is cut off anywhere, and gone on with, gives the bits of work that was not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reel2sim.pipeline.stores import AssetStore, ReconstructionStore
from reel2sim.reconstruction import ReconstructionConfig, reconstruct
from reel2sim.rigging import RiggingConfig, rig
from reel2sim.scene import Reel, RiggedAsset, SurfelSequence
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints

from .cutting import Clock, Cutting, digest, with_cuts

Work = Callable[[Checkpoints], Any]


@dataclass(frozen=True)
class Whole:
    """Work that nothing cut off.

    Attributes:
        result: of it.
        ticks: how many ends of steps and rounds of loops it took.
    """

    result: Any
    ticks: int

    @classmethod
    def of(cls, work: Work) -> Whole:
        clock = Clock()
        return cls(work(Cutting(NO_CHECKPOINTS, clock)), clock.seen)


def assert_cuts_do_not_matter(
    work: Work, whole: Whole, folder: Path, log: pytest.LogCaptureFixture, *, cuts: int
) -> None:
    """``work`` cut off at random places ends in the same bits, and is not done twice."""
    rng = np.random.default_rng(7)
    places = np.sort(rng.choice(np.arange(1, whole.ticks), cuts, replace=False))
    with log.at_level(logging.WARNING):
        # What was kept is not counted again, so that ticks add up.
        result, ticks = with_cuts(work, folder, np.diff(places, prepend=0).tolist())
    assert digest(result) == digest(whole.result)
    assert sum(ticks) <= whole.ticks
    assert not [r for r in log.records if "checkpoint" in r.getMessage()]


@pytest.fixture(scope="module")
def quick(tiny: ReconstructionConfig) -> ReconstructionConfig:
    return replace(tiny, canonical_steps=12, motion_steps=6, joint_steps=12, track_rounds=1)


@pytest.fixture(scope="module")
def fitted(chest: Reel, quick: ReconstructionConfig) -> Whole:
    return Whole.of(partial(_fit, chest, quick))


def _fit(chest: Reel, config: ReconstructionConfig, checkpoints: Checkpoints) -> SurfelSequence:
    return reconstruct(chest, config=config, checkpoints=checkpoints)


def test_surfels(
    chest: Reel,
    quick: ReconstructionConfig,
    fitted: Whole,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert_cuts_do_not_matter(partial(_fit, chest, quick), fitted, tmp_path, caplog, cuts=6)


def test_surfels_from_a_file_are_those_that_were_put_there(fitted: Whole, tmp_path: Path) -> None:
    store = ReconstructionStore()
    store.save(tmp_path / "a.npz", fitted.result)
    again = store.load(tmp_path / "a.npz")
    store.save(tmp_path / "b.npz", again)
    # Work that is stopped between two stages goes on from the file.
    assert digest(again) == digest(fitted.result)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_rig(chest: Reel, fitted: Whole, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = RiggingConfig.preset("draft")
    # A hull for every link: the decomposition is a program of its own, which takes its time.
    config = replace(config, rounds=1, physics=replace(config.physics, max_pieces=1))

    def work(checkpoints: Checkpoints) -> RiggedAsset:
        return rig(chest, fitted.result, config=config, checkpoints=checkpoints)

    whole = Whole.of(work)
    assert_cuts_do_not_matter(work, whole, tmp_path / "steps", caplog, cuts=8)
    AssetStore().save(tmp_path / "asset.npz", whole.result)
    assert digest(AssetStore().load(tmp_path / "asset.npz")) == digest(whole.result)

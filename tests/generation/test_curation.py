"""Scores of reels: they fall with damage, are the same each time, and choose."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from reel2sim.curation import (
    Plausibility,
    best_of,
    measure,
    perceptual_hash,
    plausibility,
    rank,
    score,
    share_of_bits,
)
from reel2sim.generation import Controls, GenerationConfig, generate
from reel2sim.generation.keep import write_reel
from reel2sim.pipeline import PipelineConfig
from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.errors import MediaError, PromptError

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from damage import DAMAGE, as_clip

PROMPT = "a cabinet with a drawer, the drawer slides open"
SMALL = GenerationConfig(frames=9, size=64, views=8, supersample=1)


@pytest.fixture(scope="module")
def reel():
    return generate(PROMPT, config=SMALL).reel


@pytest.fixture(scope="module")
def clip(reel):
    return as_clip(reel)


def boxes(*, right_at: float) -> RiggedAsset:
    """A base with a box on a slide on either side, at x = −0.3 and ``right_at``."""
    solid = trimesh.creation.box((0.2, 0.2, 0.2))
    mesh = TriangleMesh(solid.vertices, solid.faces)
    inertial = Inertial(1.0, np.zeros(3), np.eye(3) * 0.01)
    links = tuple(Link(name, mesh, (mesh,), inertial) for name in ("base", "left", "right"))
    joints = tuple(
        Joint(
            name=f"{child}_joint",
            type=JointType.PRISMATIC,
            parent="base",
            child=child,
            origin=np.array([x, 0.0, 0.0]),
            axis=np.array([0.0, 0.0, 1.0]),
            limits=JointLimits(0.0, 0.1, 10.0, 1.0),
            confidence=0.8,
        )
        for child, x in (("left", -0.3), ("right", right_at))
    )
    times = np.linspace(0.0, 1.0, 3)
    motion = Motion(times, np.tile(np.eye(4), (3, 1, 1)), {j.name: times * 0.05 for j in joints})
    n = 8
    surfels = Surfels(
        means=solid.vertices * 4.0,
        rotations=np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)),
        scales=np.full((n, 2), 0.01),
        opacities=np.ones(n),
        sh=np.zeros((n, 1, 3)),
        confidence=np.ones(n),
    )
    return RiggedAsset(
        name="boxes",
        links=links,
        joints=joints,
        motion=motion,
        surfels=surfels,
        surfel_links=np.zeros(n, np.int32),
    )


@pytest.mark.parametrize("damage", ["shake", "flicker", "cut off", "less motion"])
def test_scores_of_clips_fall_with_the_degree_of_damage(damage, clip):
    values = [score(measure(DAMAGE[damage](clip, degree, 1))).value for degree in (0, 0.6, 1.5)]
    assert values[0] > values[1] > values[2]


@pytest.mark.parametrize("damage", ["cut off", "views disagree"])
def test_scores_of_reels_with_cameras_fall_with_the_degree_of_damage(damage, reel):
    clean, harmed = (score(measure(DAMAGE[damage](reel, d, 1))) for d in (0, 1.5))
    assert clean.value > harmed.value
    blamed = {"cut off": "overflow", "views disagree": "views"}[damage]
    assert harmed.terms[blamed] < clean.terms[blamed]


def test_measuring_twice_gives_the_same_bits(reel, clip):
    once = measure(reel)
    assert once == measure(reel)
    assert once.wobble is None
    plain = measure(clip)
    assert plain == measure(clip)
    assert plain.views is None


def test_looks_are_told_apart_and_copies_are_not(reel, clip):
    own = perceptual_hash(clip)
    copied = replace(
        clip,
        frames=tuple(
            replace(f, image=np.clip(f.image * 1.04 + 1, 0, 255).astype(np.uint8))
            for f in clip.frames
        ),
    )
    assert share_of_bits(own, perceptual_hash(copied)) < 0.03
    turned = replace(clip, frames=tuple(replace(f, image=f.image[:, ::-1]) for f in clip.frames))
    assert share_of_bits(own, perceptual_hash(turned)) > 0.1


def test_the_best_is_first_and_copies_and_failures_are_last(clip, tmp_path):
    def missing():
        raise MediaError("is gone", source="lost.mp4")

    def worse(degree):
        return lambda: DAMAGE["shake"](clip, degree, 0)

    found = rank([
        ("worst", worse(2.0)),
        ("lost", missing),
        ("best", lambda: clip),
        ("copy", lambda: clip),
        ("worse", worse(0.7)),
    ])  # fmt: skip
    assert [one.name for one in found] == ["best", "worse", "worst", "copy", "lost"]
    assert found[3].duplicate_of == "best"
    assert "is gone" in found[4].fault
    with pytest.raises(MediaError, match="is gone"):
        rank([("lost", missing)])


def test_best_of_keeps_what_the_judge_prefers():
    config = PipelineConfig(seed=4, max_size=32, controls=Controls(frames=4))
    seen: list[float] = []

    def judge(reel, progress):
        seen.append(len(seen) + 1.0)
        return Plausibility(value=0.001 if len(seen) != 2 else 1.0)

    made, ranking = best_of(PROMPT, 2, config=config, judge=judge)
    assert ranking[0].name == "seed 5"
    alone = generate(PROMPT, config=GenerationConfig(seed=5, size=32, frames=4)).reel
    for a, b in zip(made.reel.frames, alone.frames, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
    with pytest.raises(PromptError):
        best_of("an elephant", 2, config=config)


def test_plausibility_falls_with_penetration_residual_and_doubt():
    rigged = boxes(right_at=0.3)
    whole = plausibility(rigged)
    deep = [plausibility(boxes(right_at=x)) for x in (-0.14, -0.2)]
    assert whole.value > deep[0].value > deep[1].value
    size = np.linalg.norm(np.ptp(rigged.surfels.means, axis=0))
    np.testing.assert_allclose(
        [d.penetration for d in deep], np.array([0.04, 0.1]) / size, rtol=0.1
    )
    assert whole.penetration == pytest.approx(0.0, abs=1e-6)
    assert whole.value == pytest.approx(whole.confidence)
    doubted = replace(
        rigged, joints=tuple(replace(j, confidence=j.confidence / 2) for j in rigged.joints)
    )
    assert plausibility(doubted).value < whole.value
    strained = replace(rigged, metrics={**rigged.metrics, "joint_cost_px2": 3.0})
    assert plausibility(strained).value < whole.value


def test_rank_and_generate_tell_their_tables(clip, tmp_path, capfd):
    from reel2sim.cli.main import main

    good = write_reel(clip, tmp_path / "good")
    bad = write_reel(DAMAGE["shake"](clip, 1.5, 0), tmp_path / "bad")
    assert main(["rank", str(bad), str(good), "--json", "--quiet"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert [one["name"] for one in record["candidates"]] == [str(good), str(bad)]
    out = tmp_path / "best"
    options = ["--max-size", "32", "--best-of", "2", "--frames", "4", "--json", "--quiet"]
    assert main(["generate", "--prompt", PROMPT, "--out", str(out), *options]) == 0
    record = json.loads(capfd.readouterr().out)
    assert {one["name"] for one in record["candidates"]} == {"seed 0", "seed 1"}
    assert (out / "transforms.json").is_file()
    wrong = ["generate", "--prompt", PROMPT, "--out", str(tmp_path / "x.mp4"), "--quiet"]
    assert main(wrong) == 2
    assert "name a folder" in capfd.readouterr().err
    steered = ["generate", "--prompt", PROMPT, "--out", str(tmp_path / "y"), "--guidance", "3"]
    assert main([*steered, "--quiet"]) == 2
    assert "guidance" in capfd.readouterr().err

"""Pictures are as close in time as motion asks."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.generation.backend import GenerationConfig
from reel2sim.generation.scripted.backend import ScriptedBackend
from reel2sim.generation.scripted.pace import FEWEST, MOST, instants
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.scene.errors import UsageError
from reel2sim.scene.progress import silent


def _times(prompt: str) -> np.ndarray:
    scene = parse_prompt(prompt)

    def play(times_s: np.ndarray) -> Performance:
        return perform(scene, np.random.default_rng(0), times_s)

    return instants(play, 2.0 / scene.tempo)


def test_slow_motion_needs_the_fewest_and_quick_turns_more() -> None:
    slow, quick = _times("a garage, its door opens slowly"), _times("a valve, its wheel spins fast")
    assert len(slow) == FEWEST < len(quick) <= MOST
    assert slow[0] == quick[0] == 0.0
    np.testing.assert_allclose(np.diff(quick), quick[1])


def test_what_happens_does_not_depend_on_how_often_it_is_seen() -> None:
    scene = parse_prompt("a toolbox with two drawers, its first drawer opens")
    few, many = (
        perform(scene, np.random.default_rng(5), np.linspace(0, 2.0, n)) for n in (5, 9)
    )  # fmt: skip
    np.testing.assert_allclose(many.points([0, 4, 8]), few.points([0, 2, 4]), atol=1e-12)


def test_instants_that_are_asked_for_are_taken() -> None:
    config = GenerationConfig(frames=5, size=16, views=2, fixed=1, supersample=1)
    prompt = "a valve, its wheel spins fast"
    made = ScriptedBackend().generate(prompt, config=config, progress=silent)
    assert len({frame.time_s for frame in made.reel.frames}) == 5
    with pytest.raises(UsageError, match="frames"):
        GenerationConfig(frames=1)

"""One clip without cameras: an answer, what was assumed, and no more confidence than that."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.generation import GenerationConfig, generate
from reel2sim.reconstruction import ReconstructionConfig
from reel2sim.reconstruction.monocular import reconstruct_clip
from reel2sim.reconstruction.monocular.spline_fit import spline_through
from reel2sim.scene import Frame, JointType, Reel
from reel2sim.scene.errors import NoMotionError
from reel2sim.scene.transforms import axis_rotation, pose


def clip(prompt: str, *, size: int = 200) -> Reel:
    """The fixed front view on white, stripped of cameras and masks."""
    made = generate(prompt, config=GenerationConfig(size=size, views=4, seed=3)).reel
    front = made.streams["front"]
    frames = [
        Frame(np.where(f.mask[..., None] > 127, f.image, 255), f.time_s)
        for f in front
        if f.mask is not None
    ]
    return Reel(tuple(frames), source="clip")


@pytest.mark.slow
def test_a_cabinet_door_is_an_uncertain_hinge() -> None:
    reel = clip("a wooden cabinet with one door, the door opens", size=320)
    found = reconstruct_clip(reel, config=ReconstructionConfig.preset("draft"))
    assert found.reel.calibrated
    assert found.reel.masked
    joints = found.articulation.joints
    assert joints
    assert all(j.confidence <= 0.8 for j in joints)
    assert max(joints, key=lambda j: j.confidence).type is JointType.REVOLUTE
    assert {0, 1} <= set(found.articulation.part_of_surfel.tolist())
    assert len(found.articulation.part_of_surfel) == len(found.sequence.canonical)
    assert any("focal" in note for note in found.notes)


def test_a_still_clip_is_refused() -> None:
    reel = clip("a laptop, the lid opens", size=96)
    still = Reel(tuple(Frame(reel.frames[0].image, i / 10) for i in range(5)), source="still clip")
    with pytest.raises(NoMotionError, match="still clip"):
        reconstruct_clip(still, config=ReconstructionConfig.preset("draft"))


def test_spline_follows_sampled_poses() -> None:
    times = np.linspace(0, 2, 24)
    q = 0.6 * (1 - np.cos(np.pi * times))
    pivot = np.array([0.3, -0.2, 0.5])
    R = axis_rotation(np.array([0.0, 1.0, 0.0]), q)
    motions = pose(R, pivot - R @ pivot)[:, None]
    spline = spline_through(times, motions, np.array([[0.5, 0.0, 0.6]]))
    np.testing.assert_allclose(spline(times), motions, atol=2e-3)
    np.testing.assert_allclose(spline(times[:1])[0], np.eye(4)[None], atol=1e-9)

"""Which true joints can be seen to move in a capture with ``--truth``, by whoever looks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from reel2sim.generation.truth import TrueJoint, Truth, load_truth
from reel2sim.generation.view_truth import ViewTruth, load_views
from reel2sim.media.capture import load_capture
from reel2sim.scene import Camera
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert

_PIXELS = 12
"""Of a part that must be seen in a picture for it to count."""
_PICTURES = 3
_WAY_PX = 2.0
"""Mean way of what is seen, against the part it hangs on, in so many pictures at least."""


def joints_in_sight(capture: Path) -> frozenset[str]:
    """Joints whose part is seen, in enough pictures, elsewhere than it would be at rest.

    Args:
        capture: folder that ``reel2sim generate --truth`` made.
    """
    truth, views = load_truth(capture), load_views(capture)
    count: Counter[str] = Counter()
    for i, frame in enumerate(load_capture(capture).frames):
        if frame.camera is None:
            continue
        instant = int(np.argmin(np.abs(truth.times_s - frame.time_s)))
        view = views.view(i)
        for joint in truth.joints:
            seen = (view.part == 1 + views.parts.index(joint.child)) & (view.depth > 0)
            if seen.sum() >= _PIXELS:
                way = _way_px(joint, truth, instant, frame.camera, view, seen)
                count[joint.name] += way >= _WAY_PX
    return frozenset(name for name, pictures in count.items() if pictures >= _PICTURES)


def _way_px(
    joint: TrueJoint, truth: Truth, instant: int, camera: Camera, view: ViewTruth, seen: Array
) -> float:
    """Mean distance, in a picture, of what is seen of a part from where it would be at rest."""
    y, x = np.nonzero(seen)
    pixels = np.stack([x + 0.5, y + 0.5], axis=1)
    points = camera.unproject(pixels, view.depth[seen].astype(np.float64))
    child, parent = (truth.link_poses[name] for name in (joint.child, joint.parent))
    at_rest = parent[instant] @ invert(parent[0]) @ child[0] @ invert(child[instant])
    there, _ = camera.project(apply(at_rest, points))
    return float(np.linalg.norm(there - pixels, axis=1).mean())

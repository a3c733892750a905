"""Draw docs/images/chain.png from a bundle: what went in, the surfels, the joints, the environment.

Usage: ``python docs/chain_picture.py CAPTURE BUNDLE docs/images/chain.png``
"""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium
import matplotlib
import numpy as np

import reel2sim.envs  # noqa: F401 - registers the environment
from reel2sim.media import load_reel
from reel2sim.reconstruction import render
from reel2sim.scene import Frame, RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.store import load_asset

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLORS = np.array([[0.75, 0.75, 0.75], [0.95, 0.6, 0.1], [0.2, 0.6, 0.9], [0.3, 0.75, 0.4]])


def over_white(image: Array, mask: Array | None) -> Array:
    return image if mask is None else np.where(mask[..., None] > 127, image, 255)


def parts(asset: RiggedAsset, frame: Frame, time_s: float) -> Array:
    colors = COLORS[asset.surfel_links % len(COLORS)].astype(np.float32)
    shown = render(asset.surfels_at(time_s), frame.camera, features=colors)
    return np.clip(shown.features + 1 - shown.alpha[..., None], 0, 1)


def main(capture: str, bundle: str, out: str) -> None:
    reel, asset = load_reel(Path(capture)), load_asset(Path(bundle) / "asset.npz")
    frames = max(reel.streams.values(), key=lambda f: (f[-1].time_s > 0, f[0].stream == "front"))
    times = [frames[i] for i in np.linspace(0, len(frames) - 1, 5).astype(int)[:4]]
    env = gymnasium.make("Reel2Sim/TrackMotion-v0", bundle=bundle, render_mode="rgb_array")
    env.reset(seed=0)
    states: list[Array] = []
    done = False
    while not done:
        *_, ended, truncated, _info = env.step(env.unwrapped.reference_action())
        states.append(env.render())
        done = ended or truncated
    rows = ["input", "surfels", "parts and joints", "Gymnasium env"]
    figure, axes = plt.subplots(4, 4, figsize=(9, 8.2))
    for column, frame in enumerate(times):
        share = frame.time_s / reel.times_s[-1]
        pictures = [
            over_white(frame.image, frame.mask),
            render(asset.surfels_at(frame.time_s), frame.camera, background=(1, 1, 1)).rgb,
            parts(asset, frame, frame.time_s),
            states[min(int(share * len(states)), len(states) - 1)],
        ]
        for row, picture in enumerate(pictures):
            axes[row, column].imshow(picture)
            axes[row, column].set_xticks([])
            axes[row, column].set_yticks([])
        draw_joints(axes[2, column], asset, frame)
        axes[0, column].set_title(f"{frame.time_s:.2f} s", fontsize=10)
    for row, text in enumerate(rows):
        axes[row, 0].set_ylabel(text, fontsize=11)
    figure.tight_layout(pad=0.6)
    figure.savefig(out, dpi=110)


def draw_joints(ax: plt.Axes, asset: RiggedAsset, frame: Frame) -> None:
    poses = dict(zip((x.name for x in asset.links), asset.link_poses_at(frame.time_s), strict=True))
    reach = 0.3 * asset.surfels.diagonal
    for joint in asset.joints:
        T = poses[joint.parent]
        pivot = T[:3, :3] @ joint.origin + T[:3, 3]
        axis = T[:3, :3] @ joint.axis
        ends = (pivot - reach * axis, pivot + reach * axis)
        pixels = frame.camera.project(np.stack(ends))[0]
        ax.annotate(
            "",
            xy=pixels[1],
            xytext=pixels[0],
            arrowprops={"arrowstyle": "-|>", "color": "crimson", "lw": 1.8},
        )


if __name__ == "__main__":
    main(*sys.argv[1:])

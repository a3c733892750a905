"""Draw docs/images/splat_observation.png: the reel beside what sensors see in the same states.

Says how close each is to the reel (PSNR over the whole picture, object over black).

Usage: ``python docs/splat_picture.py CAPTURE BUNDLE docs/images/splat_observation.png``
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np

from reel2sim.envs import CameraSensor, Pinhole, SplatSensor, TrackMotionEnv
from reel2sim.media import load_reel
from reel2sim.scene import Frame
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import opencv_from_opengl

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SIZE = (128, 128)
ROWS = ("reel", "splat sensor", "camera sensor")


def pinhole(frame: Frame) -> Pinhole:
    """The camera of a frame, in the words of captures."""
    c = frame.camera
    rows = tuple(map(tuple, opencv_from_opengl(c.T_world_camera).tolist()))
    return Pinhole(rows, c.width, c.height, c.fx, c.fy, c.cx, c.cy)


def small(image: Array) -> Array:
    """Of the sensors' size, by the means of areas."""
    import cv2

    return cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)


def column(bundle: str, frame: Frame) -> list[Array]:
    """The frame, and what sensors see in its state from its camera."""
    view = pinhole(frame)
    sensors = (
        SplatSensor("splats", SIZE, view),
        CameraSensor("camera", SIZE, view, kind="rgbd", shadow=False),
    )
    env = TrackMotionEnv(bundle, sensors=sensors)
    last = env.reference.last * env.step_s
    seen, _ = env.reset(seed=0, options={"start_s": min(frame.time_s, last)})
    env.close()
    whole = np.full(frame.image.shape[:2], 255)
    shown = (whole if frame.mask is None else frame.mask)[..., None] > 127
    mesh = np.where(seen["camera_depth"] > 0, seen["camera"], 0)
    return [small(np.where(shown, frame.image, 0).astype(np.uint8)), seen["splats"], mesh]


def psnr(a: Array, b: Array) -> float:
    return float(-10 * np.log10(np.mean((a / 255.0 - b / 255.0) ** 2)))


def main(capture: str, bundle: str, out: str) -> None:
    reel = load_reel(Path(capture))
    frames = max(reel.streams.values(), key=lambda f: (f[-1].time_s > 0, f[0].stream == "front"))
    chosen = [frames[i] for i in np.linspace(0, len(frames) - 1, 4).astype(int)]
    columns = [column(bundle, frame) for frame in chosen]
    figure, axes = plt.subplots(3, len(columns), figsize=(1.45 * len(columns), 4.3))
    for i, (frame, pictures) in enumerate(zip(chosen, columns, strict=True)):
        print(f"{frame.time_s:.2f} s", *(f"{psnr(p, pictures[0]):.1f} dB" for p in pictures[1:]))
        axes[0, i].set_title(f"{frame.time_s:.2f} s", fontsize=8)
        for row, picture in enumerate(pictures):
            axes[row, i].imshow(picture)
            axes[row, i].set(xticks=[], yticks=[])
    for row, name in enumerate(ROWS):
        axes[row, 0].set_ylabel(name, fontsize=8)
    figure.tight_layout(pad=0.4)
    figure.savefig(out, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:])

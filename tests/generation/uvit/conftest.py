"""Small samples that are drawn without a physics engine, and networks of a few thousand weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reel2sim.generation.uvit import AutoencoderConfig, Layout, ModelConfig, TrainConfig
from reel2sim.generation.uvit.motion import motion_magnitude
from reel2sim.generation.uvit.sample import Sample, write_sample
from reel2sim.scene.camera import look_at

LAYOUT = Layout(static=3, moving=3, front=3, size=16, strokes=2)
CONFIG = TrainConfig(
    layout=LAYOUT,
    autoencoder=AutoencoderConfig(factor=4, channels=4, width=16),
    model=ModelConfig(width=32, depth=3, heads=2, words=12, word_width=8),
    autoencoder_steps=3,
    autoencoder_batch=8,
    steps=4,
    batch=4,
    learning_rate=3e-3,
    warmup=2,
    cooldown=0.0,
    ema=0.9,
    held_out=1,
    checkpoint_every=2,
    sheet_every=0,
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def config():
    return CONFIG


@pytest.fixture(scope="session")
def layout():
    return LAYOUT


def camera(azimuth, layout=LAYOUT):
    eye = 2.0 * np.array([np.cos(azimuth), np.sin(azimuth), 0.5])
    return look_at(eye, np.zeros(3), width=layout.size, height=layout.size, fov_y=0.7)


def drawn_sample(k, layout=LAYOUT):
    """A square of a colour of its own that moves down as time goes on."""
    rng = np.random.default_rng(k)
    azimuths = np.concatenate(
        [
            2 * np.pi * np.arange(layout.static) / layout.static,
            np.linspace(-1, 1, layout.moving),
            np.full(layout.front, 0.3),
        ]
    )
    moves = np.arange(layout.moving) / (layout.moving - 1)
    times = np.concatenate([np.zeros(layout.static), moves, moves])
    images = np.full((layout.frames, layout.size, layout.size, 4), 255, np.uint8)
    images[..., 3] = 0
    way = rng.uniform(2, 6)
    for image, t in zip(images, times, strict=True):
        top = 2 + int(way * t)
        image[top : top + 6, 4:10] = [*rng.integers(0, 200, 3), 255]
    return Sample(
        images=images,
        cameras=tuple(camera(a, layout) for a in azimuths),
        times_s=2.0 * times,
        tracks=np.repeat(rng.uniform(-1, 1, (3, 1, 2)), layout.front, axis=1),
        prompt=["a red box, it opens", "a blue box, it closes slowly"][k % 2],
        motion=motion_magnitude(images, layout),
    )


@pytest.fixture(scope="session")
def samples():
    return tuple(drawn_sample(k) for k in range(6))


@pytest.fixture(scope="session")
def data(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "samples").mkdir()
    for k, sample in enumerate(samples):
        write_sample(sample, folder / "samples" / f"{k:06d}.npz")
    return folder


@pytest.fixture(scope="session")
def changed():
    return lambda **settings: replace(CONFIG, **settings)

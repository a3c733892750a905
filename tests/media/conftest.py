import json
import os
from pathlib import Path

import numpy as np
import pytest

from reel2sim.media import write_capture, write_video
from reel2sim.scene import Frame, Reel, look_at


@pytest.fixture(scope="session")
def clips():
    """The folder of real clips, or a visible skip."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("REEL2SIM_DATA", default)) / "video"
    if not folder.is_dir():
        pytest.skip(f"no test clips at {folder}; set REEL2SIM_DATA")
    return folder


@pytest.fixture
def reel():
    """Two streams of three frames, 24×16, with masks."""
    rng = np.random.default_rng(1)
    frames = []
    for stream, height in (("front", 0.2), ("side", 0.9)):
        for k in range(3):
            eye = np.array([2.0, 0.3 * k - 0.4, height])
            frames.append(
                Frame(
                    image=rng.integers(0, 256, (16, 24, 3), dtype=np.uint8),
                    time_s=k / 12,
                    camera=look_at(eye, np.zeros(3), width=24, height=16, fov_y=0.7),
                    mask=rng.choice(np.array([0, 128, 255], np.uint8), (16, 24)),
                    stream=stream,
                )
            )
    return Reel(tuple(frames), prompt="a cabinet with one drawer")


@pytest.fixture
def capture(reel, tmp_path):
    folder = tmp_path / "capture"
    write_capture(reel, folder)
    return folder


@pytest.fixture
def edit(capture):
    """Change the document of the capture in place."""

    def apply(change):
        path = capture / "transforms.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))
        return capture

    return apply


def _moving_square(count=20, height=48, width=64):
    for k in range(count):
        frame = np.full((height, width, 3), 40, np.uint8)
        frame[10:30, 5 + k : 25 + k] = (220, 60, 30)
        yield frame


@pytest.fixture
def moving_square():
    return _moving_square


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Twenty frames of a moving square, 64×48, 10 per second."""
    path = tmp_path_factory.mktemp("clip") / "square.mp4"
    write_video(path, _moving_square(), 10)
    return path

"""How records and pictures of a dataset are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reel2sim.pipeline.atomic import write_atomically
from reel2sim.scene.arrays import Array

STRIP_FILE = "strip.png"
"""What people look at, in the folder of an object or a sample."""


def save_picture(path: Path, pixels: Array) -> None:
    """Write a PNG; the same pixels give the same bytes."""
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG")


def write_json(path: Path, record: Any) -> None:
    """Write JSON for people and programs; the file is never seen half written."""
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda aside: aside.write_text(text, encoding="utf-8"))

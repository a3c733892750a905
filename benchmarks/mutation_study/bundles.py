"""Good bundles of many kinds: what the tests are made of, and robots of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters import BundleMedia, export_bundle
from reel2sim.importers import load_mjcf, load_urdf
from reel2sim.scene import JointType, Mimic, RiggedAsset
from tests.exporters.conftest import build_asset, geared, skinned

J = JointType


def built() -> dict[str, Callable[[], RiggedAsset]]:
    """Makers of assets of boxes, by name."""
    build: Any = build_asset
    mixed = [J.REVOLUTE, J.PRISMATIC, J.CONTINUOUS, J.FIXED]
    return {
        "drawer": lambda: build([J.PRISMATIC, J.PRISMATIC], [0, 0], seed=1),
        "chain": lambda: build([J.REVOLUTE] * 3, [0, 1, 2], seed=5),
        "free base": lambda: build([J.REVOLUTE, J.PRISMATIC], [0, 1], seed=4, fixed_base=False),
        "geared": lambda: geared(
            build([J.REVOLUTE, J.PRISMATIC, J.REVOLUTE], [0, 1, 0], seed=7),
            {"joint2": Mimic("joint0", -0.8, 0.1)},
        ),
        "mixed": lambda: build(mixed, [0, 0, 1, 2], seed=8),
        "skinned": lambda: skinned(build([J.REVOLUTE, J.PRISMATIC, J.REVOLUTE], [0, 1, 1], seed=7)),
    }


def _imported(data: Path) -> dict[str, Callable[[], RiggedAsset]]:
    """Robots whose own files are sound."""
    table = data / "assets_urdf/calvin_table_A/calvin_table_A"
    pole = data / "rigged_pair/gymnasium_inverted_double_pendulum/inverted_double_pendulum.xml"
    return {
        "calvin table": lambda: load_urdf(table / "urdf/calvin_table_A.urdf", roots=[table]),
        "double pendulum": lambda: load_mjcf(pole),
    }


def _media() -> BundleMedia:
    """Six small pictures, so that there is a film."""
    ramp = np.linspace(0, 200, 64, dtype=np.uint8)
    frames = np.stack([np.tile(np.roll(ramp, 4 * k), (48, 1)) for k in range(6)])
    rgb = np.repeat(frames[..., None], 3, axis=-1)
    return BundleMedia(np.arange(6) / 5, rgb, rgb[..., ::-1] // 2, 255 - rgb, 5.0)


def good_bundles(folder: Path, data: Path | None) -> Iterator[tuple[str, Path]]:
    """Export the good bundles below ``folder``, those of ``data`` if there is any.

    Yields:
        Name and folder of each.
    """
    makers = {**built(), **({} if data is None else _imported(data))}
    for name, make in makers.items():
        out = folder / name.replace(" ", "_")
        export_bundle(make(), out, media=_media() if name == "geared" else None)
        yield name, out

"""What can be filmed: surfels that move through time and belong to named parts."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reel2sim.pipeline.opening import open_scene
from reel2sim.pipeline.preview import link_colors
from reel2sim.pipeline.stores import ReconstructionStore
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.errors import InputError
from reel2sim.scene.store import stored_kind
from reel2sim.scene.surfels import Surfels, SurfelSequence
from reel2sim.scene.world import Scene

_GOLDEN_TURN = 0.6180339887498949
"""Hues that are this share of a turn apart stay apart however many there are."""


@dataclass(frozen=True, eq=False)
class Subject:
    """Surfels that move, and the part each belongs to.

    Attributes:
        surfels_at: the surfels at a time in seconds, world frame; as many at every time.
        start_s: first instant of the motion, seconds.
        stop_s: last instant of the motion, seconds.
        part_names: one name a part.
        part_of: index into ``part_names`` for each surfel ``(n,)``.
        part_colors: one colour a part ``(p, 3)``, 0..1 sRGB.
        kind: what the parts are: ``"link"`` or ``"bone"``.
    """

    surfels_at: Callable[[float], Surfels]
    start_s: float
    stop_s: float
    part_names: tuple[str, ...]
    part_of: Array
    part_colors: Array
    kind: str

    def held(self, time_s: float) -> float:
        """``time_s`` moved to the nearest instant of the motion."""
        return min(max(time_s, self.start_s), self.stop_s)

    def covers(self, time_s: float) -> bool:
        """Whether ``time_s`` lies in the motion, up to rounding."""
        slack = 1e-6 * max(1.0, abs(self.stop_s))
        return self.start_s - slack <= time_s <= self.stop_s + slack


def load_subject(source: Path) -> Subject:
    """What a bundle folder, or a file of ``reel2sim reconstruct`` or ``reel2sim rig``, holds.

    Raises:
        BundleError: if a folder is no bundle, or its asset is damaged.
        InputError: if a file is neither.
    """
    if source.is_dir():
        return subject_of_scene(open_scene(source))
    kind = _kind_of(source)
    if kind in ("rigged_asset", "scene"):
        return subject_of_scene(open_scene(source))
    found = ReconstructionStore().load(source)
    return subject_of_sequence(found if isinstance(found, SurfelSequence) else found.sequence)


def subject_of_asset(asset: RiggedAsset) -> Subject:
    """A rigged asset with the motion of its reel; its parts are its links."""
    times = asset.motion.times_s
    return Subject(
        surfels_at=asset.surfels_at,
        start_s=float(times[0]),
        stop_s=float(times[-1]),
        part_names=tuple(link.name for link in asset.links),
        part_of=asset.surfel_links,
        part_colors=link_colors(len(asset.links)),
        kind="link",
    )


def subject_of_scene(scene: Scene) -> Subject:
    """All assets of a scene, each with the motion of its reel; parts are ``asset/link``.

    Surfels of the background belong to the part of that name.
    """
    if scene.is_one_asset:
        return subject_of_asset(scene.assets[0])
    names = [f"{asset.name}/{link.name}" for asset in scene.assets for link in asset.links]
    first = np.cumsum([0, *(len(asset.links) for asset in scene.assets)])
    owner = [a.surfel_links + k for a, k in zip(scene.assets, first[:-1], strict=True)]
    if scene.background is not None:
        owner.insert(0, np.full(len(scene.background), len(names)))
        names.append("background")
    times = np.concatenate([asset.motion.times_s for asset in scene.assets] or [np.zeros(1)])
    return Subject(
        surfels_at=scene.surfels_at,
        start_s=float(times.min()),
        stop_s=float(times.max()),
        part_names=tuple(names),
        part_of=np.concatenate(owner or [np.zeros(0)]).astype(np.int32),
        part_colors=link_colors(len(names)),
        kind="link",
    )


def subject_of_sequence(sequence: SurfelSequence) -> Subject:
    """Reconstructed surfels; the part of a surfel is the bone that moves it most."""
    count = sequence.weights.shape[1]
    return Subject(
        surfels_at=sequence.at,
        start_s=float(sequence.times_s[0]),
        stop_s=float(sequence.times_s[-1]),
        part_names=tuple(f"bone_{i:02d}" for i in range(count)),
        part_of=sequence.weights.argmax(axis=1).astype(np.int32),
        part_colors=_hues(count),
        kind="bone",
    )


def _hues(count: int) -> Array:
    """``count`` colours ``(count, 3)`` far apart in hue, in three tones."""
    tones = ((0.75, 0.95), (0.5, 0.75), (0.9, 0.6))
    picked = (colorsys.hsv_to_rgb(i * _GOLDEN_TURN % 1.0, *tones[i % 3]) for i in range(count))
    return np.array(list(picked), dtype=np.float32).reshape(count, 3)


def _kind_of(source: Path) -> str:
    """What the header of a file of ours says it holds.

    Raises:
        InputError: if the file is none of ours.
    """
    remedy = "name a bundle folder, or what `reel2sim reconstruct` or `reel2sim rig` wrote"
    try:
        kind = stored_kind(source)
    except OSError as cause:
        raise InputError(
            f"cannot be read: {cause.strerror}", source=source, remedy=remedy
        ) from cause
    except ValueError as cause:
        raise InputError("holds nothing to film", source=source, remedy=remedy) from cause
    if kind not in ("rigged_asset", "scene", "surfel_sequence", "reel2sim_value"):
        raise InputError(f"holds a {kind}, nothing to film", source=source, remedy=remedy)
    return str(kind)

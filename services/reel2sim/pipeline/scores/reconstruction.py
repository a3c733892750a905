"""All figures of one reconstruction against what its capture kept from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from reel2sim.pipeline.scores.heldout import HeldOut
from reel2sim.pipeline.scores.pictures import COVERED, PictureScore, score_picture
from reel2sim.pipeline.scores.shape import (
    chamfer,
    idle_error,
    normal_error,
    surface_points,
    track_error,
)
from reel2sim.scene.arrays import Array
from reel2sim.scene.surfels import SurfelSequence

BEST_DB = 100.0
"""PSNR of a view whose pictures are equal: a mean must stay a number."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """What a reconstruction shows of one held-out view; peers may give the picture alone.

    Attributes:
        rgb: colours over black ``(h, w, 3)``, 0..1.
        alpha: coverage ``(h, w)``, 0..1.
        depth: along the optical axis ``(h, w)``, metres, 0: nothing there.
        normal: ``(h, w, 3)``, world, towards the camera, of any length.
    """

    rgb: Array
    alpha: Array
    depth: Array | None = None
    normal: Array | None = None


@dataclass(frozen=True)
class ViewScore(PictureScore):
    """One held-out view; its PSNR is at most :data:`BEST_DB`.

    Attributes:
        file: path of its true picture inside the capture.
        time_s: seconds since the first training frame.
        chamfer_frac: chamfer distance of the surfaces seen, in diagonals; None without depth.
        normal_deg: mean angle between normals where both cover; None without normals.
    """

    file: str
    time_s: float
    chamfer_frac: float | None = None
    normal_deg: float | None = None


@dataclass(frozen=True)
class ReconstructionScore:
    """One reconstruction; every mean is over the held-out views.

    Attributes:
        psnr_db: over the pixels covered by either picture, on black.
        psnr_full_db: over all pixels.
        ssim: over the pixels covered by either picture.
        ssim_full: over all pixels.
        flip: over the pixels covered by either picture.
        chamfer_frac: in diagonals of the object.
        chamfer_m: the same in metres.
        normal_deg: degrees.
        track_frac: mean distance of moved surface points from the truth, in diagonals.
        track_floor_frac: the same for an object that never moves.
        views: each view.
    """

    psnr_db: float
    psnr_full_db: float
    ssim: float
    ssim_full: float
    flip: float
    chamfer_frac: float | None
    chamfer_m: float | None
    normal_deg: float | None
    track_frac: float | None
    track_floor_frac: float
    views: tuple[ViewScore, ...]

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def draw(sequence: SurfelSequence, held_out: HeldOut) -> Iterator[Drawing]:
    """What ``sequence`` shows of every held-out view."""
    from reel2sim.reconstruction.render import render

    for camera, time_s in zip(held_out.cameras, held_out.times_s, strict=True):
        seen = render(sequence.at(float(time_s)), camera)
        depth = np.where(seen.alpha > COVERED, seen.depth, 0.0)
        yield Drawing(seen.rgb, seen.alpha, depth, seen.normal)


def blank(held_out: HeldOut) -> Iterator[Drawing]:
    """Nothing, as often as there are held-out views: what a failed run shows."""
    height, width = held_out.alpha.shape[1:]
    for _ in range(len(held_out)):
        yield Drawing(
            np.zeros((height, width, 3), np.float32),
            np.zeros((height, width), np.float32),
            np.zeros((height, width), np.float32),
            np.zeros((height, width, 3), np.float32),
        )


def score_sequence(sequence: SurfelSequence, held_out: HeldOut) -> ReconstructionScore:
    """Draw every held-out view of ``sequence`` and score pictures, shape and motion."""
    moved = track_error(sequence, held_out.track_times_s, held_out.tracks)
    return score_drawings(draw(sequence, held_out), held_out, track_m=moved)


def nothing_reconstructed(held_out: HeldOut) -> ReconstructionScore:
    """The score of a run that failed: black pictures of an object that never moves."""
    return score_drawings(blank(held_out), held_out, track_m=idle_error(held_out.tracks))


def score_drawings(
    drawings: Iterable[Drawing], held_out: HeldOut, *, track_m: float | None = None
) -> ReconstructionScore:
    """Score drawings of the held-out views, in their order.

    Args:
        drawings: one per view.
        held_out: the truth.
        track_m: track error in metres, if motion was given.
    """
    views = tuple(_view(held_out, i, drawing) for i, drawing in enumerate(drawings))
    depths = [v.chamfer_frac for v in views if v.chamfer_frac is not None]
    normals = [v.normal_deg for v in views if v.normal_deg is not None]
    chamfer_frac = float(np.mean(depths)) if depths else None
    return ReconstructionScore(
        psnr_db=float(np.mean([v.psnr_db for v in views])),
        psnr_full_db=float(np.mean([v.psnr_full_db for v in views])),
        ssim=float(np.mean([v.ssim for v in views])),
        ssim_full=float(np.mean([v.ssim_full for v in views])),
        flip=float(np.mean([v.flip for v in views])),
        chamfer_frac=chamfer_frac,
        chamfer_m=None if chamfer_frac is None else chamfer_frac * held_out.diagonal_m,
        normal_deg=float(np.mean(normals)) if normals else None,
        track_frac=None if track_m is None else track_m / held_out.diagonal_m,
        track_floor_frac=idle_error(held_out.tracks) / held_out.diagonal_m,
        views=views,
    )


def _view(held_out: HeldOut, index: int, drawing: Drawing) -> ViewScore:
    picture = score_picture(drawing.rgb, drawing.alpha, held_out.rgb[index], held_out.alpha[index])
    distance = angle = None
    if drawing.depth is not None:
        camera = held_out.cameras[index]
        distance = chamfer(
            surface_points(drawing.depth, camera),
            surface_points(held_out.depth[index], camera),
            diagonal_m=held_out.diagonal_m,
        )
    if drawing.normal is not None:
        both = (drawing.alpha > COVERED) & (held_out.alpha[index] > COVERED)
        angle = normal_error(drawing.normal, held_out.normal[index], where=both)
    levels = {name: min(getattr(picture, name), BEST_DB) for name in ("psnr_db", "psnr_full_db")}
    return ViewScore(
        **{**asdict(picture), **levels},
        file=held_out.files[index],
        time_s=float(held_out.times_s[index]),
        chamfer_frac=None if distance is None else distance / held_out.diagonal_m,
        normal_deg=angle,
    )

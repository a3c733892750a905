"""A drawn picture against the true one: PSNR, SSIM and FLIP, all on black."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

from reel2sim.scene.arrays import Array, checked
from reel2sim.scene.errors import MissingDependencyError

COVERED = 0.5
"""Coverage from which a pixel belongs to the object."""


@dataclass(frozen=True)
class PictureScore:
    """One picture.

    The *union* are the pixels that are covered in either picture: what was drawn where nothing
    is costs as much as what is missing, and the size of the background does not matter.

    Attributes:
        psnr_db: peak signal-to-noise ratio over the union; infinite for equal pictures.
        psnr_full_db: the same over all pixels.
        ssim: structural similarity (Gaussian window, σ 1.5), its map averaged over the union.
        ssim_full: the same over all pixels.
        flip: NVIDIA's FLIP (LDR, 67 pixels per degree), its map averaged over the union; 0 is
            equal, 1 is as different as can be.
    """

    psnr_db: float
    psnr_full_db: float
    ssim: float
    ssim_full: float
    flip: float


def score_picture(rgb: Array, alpha: Array, true_rgb: Array, true_alpha: Array) -> PictureScore:
    """Score one picture.

    Args:
        rgb: drawn colours over black ``(h, w, 3)``, sRGB 0..1.
        alpha: drawn coverage ``(h, w)``, 0..1.
        true_rgb: true colours over black ``(h, w, 3)``.
        true_alpha: true coverage ``(h, w)``.

    Raises:
        InputError: if the shapes differ.
        MissingDependencyError: if FLIP is not installed.
    """
    sizes: dict[str, int] = {}
    a = checked("rgb", rgb, ("h", "w", 3), dtype=np.float32, sizes=sizes)
    b = checked("true_rgb", true_rgb, ("h", "w", 3), dtype=np.float32, sizes=sizes)
    covered = checked("alpha", alpha, ("h", "w"), dtype=np.float32, sizes=sizes) > COVERED
    truly = checked("true_alpha", true_alpha, ("h", "w"), dtype=np.float32, sizes=sizes) > COVERED
    union = covered | truly
    similar = _similarity(a, b)
    return PictureScore(
        psnr_db=psnr(a, b, where=union),
        psnr_full_db=psnr(a, b),
        ssim=_mean(similar, union, empty=1.0),
        ssim_full=float(similar.mean()),
        flip=_mean(_flip(a, b), union, empty=0.0),
    )


def psnr(rgb: Array, true_rgb: Array, *, where: Array | None = None) -> float:
    """Peak signal-to-noise ratio in dB of pictures ``(h, w, 3)`` 0..1.

    Args:
        rgb: one picture.
        true_rgb: the other.
        where: pixels that count ``(h, w)``; all if None. Without any there is no error.
    """
    error = np.square(np.asarray(rgb, np.float64) - true_rgb)
    if where is not None:
        error = error[where]
    mean = float(error.mean()) if error.size else 0.0
    return float("inf") if mean == 0 else -10.0 * float(np.log10(mean))


def _similarity(a: Array, b: Array) -> Array:
    """Structural similarity around every pixel ``(h, w)``, averaged over the channels."""
    found: Any = structural_similarity(
        a.astype(np.float64),
        b.astype(np.float64),
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return found[1].mean(axis=2)


def _flip(a: Array, b: Array) -> Array:
    """Perceived difference of every pixel ``(h, w)``, 0..1."""
    try:
        import flip_evaluator
    except ImportError as cause:
        raise MissingDependencyError(
            "FLIP is not installed", remedy="pip install 'reel2sim[bench]'"
        ) from cause
    found, _, _ = flip_evaluator.evaluate(
        np.ascontiguousarray(b), np.ascontiguousarray(a), "LDR", applyMagma=False
    )
    return found[..., 0]


def _mean(values: Array, where: Array, *, empty: float) -> float:
    return float(values[where].mean()) if where.any() else empty

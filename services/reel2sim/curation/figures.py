"""What can be told of a reel in seconds, before it is reconstructed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reel2sim.curation.strips import Strip, camera_steps, flows, small, strips
from reel2sim.curation.views import views_residual
from reel2sim.dataset.filters import at_border, motion_magnitude
from reel2sim.generation.classical import warped
from reel2sim.reconstruction.monocular.subject import matte
from reel2sim.reconstruction.monocular.tracks import follow
from reel2sim.scene.arrays import Array
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel

_TILE = 8
_DARK = 12.0
"""Grey levels added before brightness is compared, so that noise in the dark counts little."""
_MOVING = 24.0
"""Change of a pixel, in levels, from which it belongs to what moves in a clip without masks."""
_PLAIN = 8.0
"""Levels within which half of the border must agree for the background to count as plain."""
_LONG = 0.6
"""Share of the frames through which a track must last to be looked at."""
_DEGREE = 4
"""Of the polynomials of time that tracks are compared with."""


@dataclass(frozen=True, kw_only=True)
class ReelFigures:
    """Figures of a reel; lengths are shares of the picture's diagonal.

    Attributes:
        motion: magnitude of the motion, 0..1, as :attr:`reel2sim.dataset.filters.Figures.motion`
            has it, between the first and the other pictures of cameras that stand still; of a clip
            without cameras, after the motion of the whole picture was taken out.
        overflow: how much the subject is cut off: the length of the border that it covers over
            the square root of its area, mean over the pictures. Without masks the subject is
            what stands before a plain background, else what moves.
        overflow_views: share of the pictures whose border it touches.
        flicker: change of brightness from picture to picture that is neither motion nor a steady
            trend, as a share: root mean square over places and time.
        shake: by how far the whole picture is off a smooth path: root mean square.
        views: of a reel with a still orbit, error of held-out still pictures where the subject
            is, root mean square over colours in 0..1, after surfels were fitted to the others;
            None without one.
        wobble: of a clip without cameras, how far points that are tracked stray from smooth
            paths: median; None with cameras.
    """

    motion: float
    overflow: float
    overflow_views: float
    flicker: float
    shake: float
    views: float | None = None
    wobble: float | None = None


def measure(reel: Reel, *, progress: Progress = silent) -> ReelFigures:
    """Measure a reel; the same reel gives the same figures.

    Args:
        reel: of any kind.
        progress: told under ``"curation"``.
    """
    seen = strips(reel)
    found = [flows(strip) for strip in seen]
    moves, sure = [f for f, _ in found], [s for _, s in found]
    steps = [camera_steps(strip, move) for strip, move in zip(seen, moves, strict=True)]
    progress("curation", 0.3, "motion and flicker")
    overflow, touching = _overflow(reel, seen, steps)
    # Where a camera circles, neighbouring pictures differ too much to say what else changed.
    still = [k for k, strip in enumerate(seen) if not strip.circles] or list(range(len(seen)))
    flicker = [_flicker(seen[k], moves[k], sure[k]) for k in still]
    shake = [_shake(seen[k], steps[k]) for k in still]
    figures = ReelFigures(
        motion=max((_motion(s, k) for s, k in zip(seen, steps, strict=True)), default=0.0),
        overflow=overflow,
        overflow_views=touching,
        flicker=max(flicker, default=0.0),
        shake=max(shake, default=0.0),
        views=views_residual(reel, progress=progress),
        wobble=None if reel.calibrated else max((_wobble(strip) for strip in seen), default=0.0),
    )
    progress("curation", 1.0, "measured")
    return figures


def _motion(strip: Strip, steps: Array) -> float:
    """Of cameras that move with known poses nothing is said: their pictures change anyway."""
    if strip.circles:
        return 0.0
    known = strip.frames[0].camera is not None
    pictures = list(strip.rgba)
    if not known:
        h, w = strip.rgba.shape[1:3]
        moved = [
            cv2.warpAffine(image, T, (w, h), borderMode=cv2.BORDER_REPLICATE)
            for image, T in _to_first(strip, steps)
        ]
        pictures = [pictures[0], *moved]
    level = _level(pictures[0])
    # One picture that is brighter than the rest must not count as motion.
    evened = [_scaled(p, level / max(_level(p), 1e-6)) for p in pictures]
    return motion_magnitude([evened[0]] * (len(evened) - 1), evened[1:])


def _to_first(strip: Strip, steps: Array) -> list[tuple[Array, Array]]:
    """Every later picture with the similarity that brings it onto the first."""
    total = np.eye(3)
    found: list[tuple[Array, Array]] = []
    for image, step in zip(strip.rgba[1:], steps, strict=True):
        total = total @ np.vstack([step, [0.0, 0.0, 1.0]])
        found.append((image, total[:2].copy()))
    return found


def _overflow(reel: Reel, seen: tuple[Strip, ...], steps: list[Array]) -> tuple[float, float]:
    """Figures ``overflow`` and ``overflow_views``."""
    if reel.masked:
        pictures = [small(frame) for frame in reel.frames]
    else:
        pairs = zip(seen, steps, strict=True)
        pictures = [
            image for strip, some in pairs for image in _before_plain(strip) or _movers(strip, some)
        ]
    if not pictures:
        return 0.0, 0.0
    covers = [_border_cover(image[..., 3]) for image in pictures]
    touching = [at_border(image[..., 3]) for image in pictures]
    return float(np.mean(covers)), float(np.mean(touching))


def _border_cover(alpha: Array) -> float:
    shown = alpha > 127
    ring = int(shown[0].sum() + shown[-1].sum() + shown[1:-1, 0].sum() + shown[1:-1, -1].sum())
    return ring / max(float(shown.sum()) ** 0.5, 1.0)


def _before_plain(strip: Strip) -> list[Array]:
    """Pictures whose alpha is what stands before a plain background; none if it is not plain."""
    h, w = strip.rgba.shape[1:3]
    edge = np.ones((h, w), bool)
    edge[2:-2, 2:-2] = False
    border = strip.rgba[:, edge, :3].reshape(-1, 3).astype(np.float64)
    background = np.median(border, axis=0)
    # A subject that is cut off covers some of the border itself.
    if np.median(np.abs(border - background).max(axis=1)) > _PLAIN:
        return []
    alphas = [matte(image[..., :3], background) for image in strip.rgba]
    return [
        np.dstack([image[..., :3], alpha.astype(np.uint8) * 255])
        for image, alpha in zip(strip.rgba, alphas, strict=True)
    ]


def _movers(strip: Strip, steps: Array) -> list[Array]:
    """Pictures whose alpha is what changes against the first, once the camera is taken out."""
    first = strip.rgba[0].astype(np.float32)
    h, w = first.shape[:2]
    found: list[Array] = []
    for image, T in _to_first(strip, steps):
        back = cv2.warpAffine(image, T, (w, h), borderMode=cv2.BORDER_REPLICATE)
        change = np.abs(back[..., :3].astype(np.float32) - first[..., :3]).max(axis=-1)
        changed = (change > _MOVING).astype(np.uint8) * 255
        found.append(np.dstack([image[..., :3], cv2.medianBlur(changed, 5)]))
    return found


def _flicker(strip: Strip, moves: list[Array], sure: list[Array]) -> float:
    """Brightness of tiles against the frame before, moved to where it went."""
    if len(moves) < 2:
        return 0.0
    changes: list[Array] = []
    greys, alphas = strip.greys, strip.rgba[1:, ..., 3] > 127
    for a, b, move, known, alpha in zip(greys, greys[1:], moves, sure, alphas, strict=False):
        shown = alpha & known
        ratio = np.log((b + _DARK) / (warped(a, move) + _DARK))
        changes.append(_tile_means(np.where(shown, ratio, 0.0), shown))
    steps = np.diff(np.stack(changes), axis=0) / 2.0
    return float(np.sqrt(np.nanmean(steps**2))) if np.isfinite(steps).any() else 0.0


def _tile_means(values: Array, shown: Array) -> Array:
    """Means over tiles that mostly show something; NaN for others."""
    h, w = (n - n % _TILE for n in values.shape)
    shape = (h // _TILE, _TILE, w // _TILE, _TILE)
    total = values[:h, :w].reshape(shape).sum(axis=(1, 3))
    count = shown[:h, :w].reshape(shape).sum(axis=(1, 3))
    return np.where(count > _TILE * _TILE / 2, total / np.maximum(count, 1), np.nan)


def _shake(strip: Strip, steps: Array) -> float:
    """Second differences of the path of the picture's middle."""
    if len(steps) < 2:
        return 0.0
    h, w = strip.rgba.shape[1:3]
    middle = np.array([w / 2, h / 2, 1.0])
    jumps = np.diff(steps @ middle - middle[:2], axis=0)
    return float(np.sqrt((jumps**2).sum(axis=1).mean()) / np.hypot(h, w))


def _wobble(strip: Strip) -> float:
    tracks = follow(strip.frames)
    times = np.array([frame.time_s for frame in strip.frames])
    if len(times) < _DEGREE + 3:
        return 0.0
    lasting = tracks.seen.mean(axis=1) >= _LONG
    h, w = strip.frames[0].image.shape[:2]
    if not lasting.any():
        return 1.0  # nothing can be followed
    basis = np.polynomial.chebyshev.chebvander(np.interp(times, times[[0, -1]], [-1, 1]), _DEGREE)
    strays = [
        _stray(basis[seen], path[seen])
        for path, seen in zip(tracks.pixels[lasting], tracks.seen[lasting], strict=True)
    ]
    return float(np.median(strays) / np.hypot(h, w))


def _stray(basis: Array, path: Array) -> float:
    if len(path) <= basis.shape[1]:
        return 0.0
    found = np.linalg.lstsq(basis, path, rcond=None)[0]
    return float(np.sqrt(((basis @ found - path) ** 2).sum(axis=1).mean()))


def _level(rgba: Array) -> float:
    shown = rgba[..., 3] > 127
    return float(rgba[..., :3][shown].mean()) if shown.any() else 1.0


def _scaled(rgba: Array, gain: float) -> Array:
    colour = np.clip(np.rint(rgba[..., :3] * gain), 0, 255).astype(np.uint8)
    return np.dstack([colour, rgba[..., 3]])

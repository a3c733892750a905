"""Point tracks of a clip: corners found again and again, each followed while it can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from reel2sim.scene import Frame
from reel2sim.scene.arrays import Array

_LK: dict[str, Any] = {
    "winSize": (15, 15),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.01),
    "minEigThreshold": 1e-4,
    "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
}
_MAX_POINTS = 2500
"""Points followed at a time."""
_APART_PX = 4.0
_EVERY = 2
"""Frames after which corners are looked for where no track is."""
_QUALITY = 0.002
_CYCLE_PX = 0.6
_EDGE_PX = 3
_PATCH = 11
_SHORTEST = 4
"""Frames under which a track tells nothing."""
_ALIKE, _VERY_ALIKE = 0.65, 0.8
"""Correlation of patches from which they show the same, and from which they surely do."""
_LOOK_PX = 3.0
"""Way after which what a track looks like is noted anew."""
_LOOK_EVERY = 10
"""Frames after which it is too, where nothing much has changed."""


@dataclass(frozen=True, eq=False)
class ClipTracks:
    """Tracks of ``n`` points over ``t`` frames.

    Attributes:
        pixels: ``(n, t, 2)``, centre of the first pixel at a half; where a point is not seen, the
            place where it was seen last (before its first frame: where it will be first).
        seen: ``(n, t)``, without gaps.
        first: frame in which each was found ``(n,)``.
    """

    pixels: Array
    seen: Array
    first: Array

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def travel(self) -> Array:
        """95th percentile of each track's distance from where it began ``(n,)``, pixels."""
        start = self.pixels[np.arange(len(self)), self.first]
        away = np.linalg.norm(self.pixels - start[:, None], axis=-1)
        away = np.where(self.seen, away, np.nan)
        return np.nan_to_num(np.nanpercentile(away, 95, axis=1)) if len(self) else np.zeros(0)

    def select(self, index: Array) -> ClipTracks:
        """Some of the tracks; ``index`` is a mask or ``(k,)``."""
        return replace(
            self,
            pixels=self.pixels[index],
            seen=self.seen[index],
            first=self.first[index],
        )


def follow(frames: tuple[Frame, ...]) -> ClipTracks:
    """Track corners forward from the frame in which they are found.

    Corners are sought every few frames where no track is, so that surfaces that come into sight
    are followed too. A step counts if the way back leads to where it began.

    Args:
        frames: in time order, of one size.
    """
    images = [flattened(frame.image) for frame in frames]
    chains = _Chains(len(images))
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    for t, image in enumerate(images):
        if t:
            # Dense flow finds fast motion that corners alone would lose.
            guess = dense.calc(images[t - 1], image, np.zeros((*image.shape, 2), np.float32))
            chains.step(images[t - 1], image, guess)
        if t % _EVERY == 0:
            chains.add(image, t)
    pixels, seen, first = chains.lasting()
    return ClipTracks(pixels + 0.5, seen, first)


def flattened(image: Array) -> Array:
    """Grey with local mean and contrast removed: exposure and shadows count less."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    off = grey - cv2.GaussianBlur(grey, (0, 0), 8)
    contrast = np.sqrt(cv2.GaussianBlur(off * off, (0, 0), 8))
    return np.clip(128 + 45 * off / (contrast + 6), 0, 255).astype(np.uint8)


class _Chains:
    """Tracks under way."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._ended: list[_Path] = []
        self._live: list[_Path] = []

    @property
    def _here(self) -> Array:
        places = [path.places[-1] for path in self._live]
        return np.stack(places) if places else np.zeros((0, 2), np.float32)

    def add(self, image: Array, t: int) -> None:
        """Find corners where no live track is."""
        free = np.full(image.shape, 255, np.uint8)
        for x, y in self._here:
            cv2.circle(free, (int(x), int(y)), int(_APART_PX), 0, -1)
        room = _MAX_POINTS - len(self._live)
        if room <= 0:
            return
        found: Any = cv2.goodFeaturesToTrack(
            image, room, _QUALITY, _APART_PX, mask=free, blockSize=5
        )
        if found is None:
            return
        places = found[:, 0]
        for place, patch in zip(places, _patches(image, places), strict=True):
            self._live.append(_Path(t, [place], patch, place, 1))

    def step(self, before: Array, image: Array, guess: Array) -> None:
        """Follow live tracks to the next frame, from a guess of the flow; end those got lost."""
        here = self._here
        if not len(here):
            return
        start = here[:, None]
        x, y = np.rint(here).astype(int).T
        near = start + guess[y, x][:, None]
        there, ok, _ = cv2.calcOpticalFlowPyrLK(before, image, start, near, **_LK)
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(
            image, before, there, there - (near - start), **_LK
        )
        cycle = np.linalg.norm(back[:, 0] - here, axis=1)
        h, w = image.shape
        good = (ok[:, 0] > 0) & (ok_back[:, 0] > 0) & (cycle < _CYCLE_PX)
        good &= (there[:, 0] > _EDGE_PX).all(axis=1)
        good &= (there[:, 0] < [w - 1 - _EDGE_PX, h - 1 - _EDGE_PX]).all(axis=1)
        live: list[_Path] = []
        for path, place, patch, followed in zip(
            self._live, there[:, 0], _patches(image, there[:, 0]), good, strict=True
        ):
            (live if followed and path.goes_on(place, patch) else self._ended).append(path)
        self._live = live

    def lasting(self) -> tuple[Array, Array, Array]:
        """Pixels, seen and first of all that lasted, live ones ended."""
        paths = [p for p in (*self._ended, *self._live) if p.sure >= _SHORTEST]
        n = len(paths)
        pixels = np.zeros((n, self._frames, 2))
        seen = np.zeros((n, self._frames), bool)
        for i, path in enumerate(paths):
            places, start = np.stack(path.places[: path.sure]), path.first
            stop = start + path.sure
            pixels[i, :start], pixels[i, stop:] = places[0], places[-1]
            pixels[i, start:stop] = places
            seen[i, start:stop] = True
        first = np.array([path.first for path in paths], int)
        return pixels, seen, first


@dataclass(eq=False)
class _Path:
    """One track under way.

    Attributes:
        first: frame in which it was found.
        places: where it was from then on.
        patch: what it looked like when that was last noted.
        known: where that was.
        sure: how many of its places are sure.
    """

    first: int
    places: list[Array]
    patch: Array
    known: Array
    sure: int

    def goes_on(self, place: Array, patch: Array) -> bool:
        """Add a place, unless what is there looks different.

        Where a silhouette sweeps over the background, corners jump onto it: what they look like
        then differs from before, at once. Surfaces change as they go, little by little.
        """
        self.places.append(place.copy())
        alike = float((self.patch * patch).mean())
        if alike < _ALIKE:
            return False
        way = float(np.abs(place - self.known).max())
        if way > _LOOK_PX or (alike > _VERY_ALIKE and len(self.places) % _LOOK_EVERY == 0):
            self.patch, self.known = patch, self.places[-1]
        self.sure = len(self.places)
        return True


def _patches(image: Array, places: Array) -> Array:
    """Patches about places, mean zero and variance one ``(n, k, k)``."""
    off = np.arange(_PATCH, dtype=np.float32) - _PATCH // 2
    x = places[:, 0, None, None] + off[None, None] + np.zeros((1, _PATCH, 1), np.float32)
    y = places[:, 1, None, None] + off[None, :, None] + np.zeros((1, 1, _PATCH), np.float32)
    flat = x.reshape(-1, _PATCH).astype(np.float32), y.reshape(-1, _PATCH).astype(np.float32)
    rows = 30_000  # remap takes no more
    found = np.concatenate([
        cv2.remap(image, flat[0][i : i + rows], flat[1][i : i + rows], cv2.INTER_LINEAR,
                  borderMode=cv2.BORDER_REPLICATE)
        for i in range(0, len(flat[0]), rows)
    ])  # fmt: skip
    patches = found.reshape(-1, _PATCH, _PATCH).astype(np.float32)
    patches -= patches.mean(axis=(1, 2), keepdims=True)
    return patches / (patches.std(axis=(1, 2), keepdims=True) + 2.0)

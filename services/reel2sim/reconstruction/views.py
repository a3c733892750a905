"""Frames as the fit sees them: reduced, on black, as tensors, in normalised units."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from reel2sim.reconstruction.bounds import Sphere, camera_of, mask_of
from reel2sim.scene.reel import Frame, Reel


@dataclass(frozen=True, eq=False)
class View:
    """One picture and where it was taken from.

    Attributes:
        rgb: colour times mask ``(h, w, 3)`` float32.
        mask: ``(h, w)`` float32, 0..1.
        K: intrinsics ``(3, 3)`` of the reduced picture.
        T_camera_world: ``(4, 4)``, normalised units to camera axes.
        time_s: seconds since time zero.
        stream: stream of its frame.
    """

    rgb: Tensor
    mask: Tensor
    K: Tensor
    T_camera_world: Tensor
    time_s: float
    stream: str

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return int(self.mask.shape[0])

    @property
    def width(self) -> int:
        """Columns of the picture."""
        return int(self.mask.shape[1])

    def cropped(self, *, margin: int = 12) -> View:
        """The part around the object: the same picture at less cost."""
        top, bottom = _middle_span((self.mask > 0.02).any(1), margin)
        left, right = _middle_span((self.mask > 0.02).any(0), margin)
        K = self.K.clone()
        K[0, 2] -= left
        K[1, 2] -= top
        window = (slice(top, bottom), slice(left, right))
        return replace(self, rgb=self.rgb[window].clone(), mask=self.mask[window].clone(), K=K)


def _middle_span(used: Tensor, margin: int) -> tuple[int, int]:
    """First and one past the last true entry of ``used`` ``(m,)``, widened by ``margin``."""
    where = torch.nonzero(used).ravel()
    if not len(where):
        return 0, len(used)
    return max(0, int(where[0]) - margin), min(len(used), int(where[-1]) + 1 + margin)


def thinned(reel: Reel, *, max_times: int, most_views: int) -> Reel:
    """As much of a long reel as a fit can hold: evenly spread instants, and views of each.

    Args:
        reel: any reel.
        max_times: instants that are kept; the first and the last always are.
        most_views: frames there may be in all; instants with many give up views first, but none
            gives up its last.
    """
    times = reel.times_s
    if len(times) > max_times:
        times = times[np.unique(np.rint(np.linspace(0, len(times) - 1, max_times)).astype(int))]
    groups = [reel.at_time(float(t)) for t in times]
    limit = max(len(group) for group in groups)
    while limit > 1 and sum(min(len(group), limit) for group in groups) > most_views:
        limit -= 1
    kept = [
        group[i]
        for group in groups
        for i in np.unique(np.rint(np.linspace(0, len(group) - 1, min(limit, len(group)))))
        .astype(int)
        .tolist()
    ]
    return reel if len(kept) == len(reel.frames) else replace(reel, frames=tuple(kept))


def load_views(
    reel: Reel, *, sphere: Sphere, max_px: int, device: torch.device
) -> tuple[View, ...]:
    """All frames of a calibrated, masked reel as views, in its order."""
    start = float(reel.times_s[0])
    return tuple(_view(frame, sphere, max_px, start, device) for frame in reel.frames)


def _view(frame: Frame, sphere: Sphere, max_px: int, start_s: float, device: torch.device) -> View:
    camera = camera_of(frame)
    mask = mask_of(frame).astype(np.float32) / 255
    rgb = frame.image.astype(np.float32) / 255 * mask[..., None]
    shrink = min(1.0, max_px / max(mask.shape))
    if shrink < 1:
        width, height = (max(1, round(n * shrink)) for n in (camera.width, camera.height))
        camera = camera.resized(width, height)
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)

    def tensor(value: np.ndarray) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float32, device=device)

    return View(
        tensor(rgb),
        tensor(mask),
        tensor(camera.K),
        tensor(sphere.camera_matrix(camera)),
        frame.time_s - start_s,
        frame.stream,
    )


def zero_views(views: tuple[View, ...], *, min_views: int) -> tuple[View, ...]:
    """Views that show time zero; with fewer than ``min_views``, all views."""
    zero = tuple(v for v in views if v.time_s == 0 and bool((v.mask > 0.5).any()))
    return zero if len(zero) >= min_views else views

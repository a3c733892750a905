"""Pictures exposed over time: motion blur and rows read one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reel2sim.exporters.color import linear_from_srgb, srgb_from_linear
from reel2sim.scene.arrays import Array
from reel2sim.scene.reel import Frame

_STEP_PX = 1.0
_MOST_STEPS = 33


def flows_between(images: Sequence[Array], known: Sequence[Array] | None) -> list[Array]:
    """Motion from each picture to the next ``(h, w, 2)``, pixels; of the last, as it has come.

    Args:
        images: of one stream, ``(h, w, 3)`` uint8.
        known: exact forward flow of each, NaN where there is none; None: all is estimated.
    """
    flows: list[Array] = []
    for k, image in enumerate(images):
        if k + 1 < len(images):
            if known is not None and np.isfinite(known[k]).any():
                flows.append(np.where(np.isfinite(known[k]), known[k], 0.0).astype(np.float32))
            else:
                flows.append(_estimated(image, images[k + 1]))
        else:
            flows.append(-_estimated(image, images[k - 1]))
    return flows


def exposed(frame: Frame, flow: Array, shutter: float, rolling: float) -> Frame:
    """The picture with each row exposed for its own while, all centred on the frame's time.

    What moves is carried along its flow, the object over what is behind it; where the picture does
    not know what is behind, its surroundings are continued.

    Args:
        frame: a sharp picture of one instant.
        flow: to the next one ``(h, w, 2)``, pixels.
        shutter: how long a row is exposed, as a share of the time between pictures.
        rolling: how much later the last row is exposed than the first, as such a share.
    """
    height, width = frame.image.shape[:2]
    light = linear_from_srgb(frame.image / 255.0).astype(np.float32)
    row = (np.arange(height, dtype=np.float32) + 0.5) / height - 0.5
    late = np.repeat((row * rolling)[:, None], width, axis=1)
    longest = float(np.linalg.norm(flow, axis=2).max()) * shutter
    steps = min(_MOST_STEPS, 1 + 2 * int(np.ceil(longest / _STEP_PX / 2)))
    whiles = ((np.arange(steps) + 0.5) / steps - 0.5) * shutter
    mask = frame.mask
    if mask is None:
        behind, alpha, over = light, np.zeros((height, width), np.float32), light
        moves = flow, flow
    else:
        alpha = mask.astype(np.float32) / 255.0
        inside, outside = mask > 127, mask == 0
        over, behind = _continued(light, inside), _continued(light, outside)
        moves = _continued(flow, inside), _continued(flow, outside)
    total, covered = np.zeros_like(light), np.zeros_like(alpha)
    for moment in whiles:
        when = late + np.float32(moment)
        share = _carried(alpha, moves[0], when)
        back = _carried(behind, moves[1], when)
        front = _carried(over, moves[0], when)
        total += back * (1 - share[..., None]) + front * share[..., None]
        covered += share
    image = np.rint(srgb_from_linear(total / steps) * 255).astype(np.uint8)
    moved = None if mask is None else np.rint(covered / steps * 255).astype(np.uint8)
    return replace(frame, image=image, mask=moved)


def _carried(field: Array, flow: Array, when: Array) -> Array:
    """``field`` moved along ``flow`` for ``when`` ``(h, w)`` of the time to the next picture."""
    import cv2

    height, width = when.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    way = flow
    for _ in range(2):  # what is at p now was at p − flow, and the flow that counts is from there
        back_x = (x - way[..., 0] * when).astype(np.float32)
        back_y = (y - way[..., 1] * when).astype(np.float32)
        way = cv2.remap(flow, back_x, back_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    map_x = (x - way[..., 0] * when).astype(np.float32)
    map_y = (y - way[..., 1] * when).astype(np.float32)
    return cv2.remap(field, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _continued(field: Array, known: Array) -> Array:
    """``field`` where it is ``known`` ``(h, w)``, elsewhere as at the nearest place that is."""
    from scipy.ndimage import distance_transform_edt

    if not known.any():
        return field
    index = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.ascontiguousarray(field[tuple(np.asarray(index))])


def _estimated(image: Array, other: Array) -> Array:
    import cv2

    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (image, other)]
    return np.asarray(finder.calc(grey[0], grey[1], None), dtype=np.float32)  # type: ignore[call-overload]

"""Surfels of the first frame, and which part each belongs to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reel2sim.reconstruction.monocular.evidence import Evidence
from reel2sim.reconstruction.monocular.one_joint import Sightings
from reel2sim.reconstruction.monocular.parts import ClipPart
from reel2sim.reconstruction.monocular.starts import first_points
from reel2sim.reconstruction.monocular.subject import part_map, subject_mask
from reel2sim.reconstruction.monocular.surface import fitted_plane, hinge_plane, part_surfels
from reel2sim.scene import Camera, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert

_FEWEST = 8
_UNMOVED, _MOVED = 0.15, 0.4
"""Confidence of surfaces whose depth is guessed, and told by motion."""


def draw(
    image: Array, evidence: Evidence, parts: list[ClipPart], lens: Camera, *, source: str
) -> tuple[Surfels, Array]:
    """Surfels on a plane a part, where the first frame shows it.

    Args:
        image: the first frame ``(h, w, 3)`` uint8.
        evidence: tracks.
        parts: found in them.
        lens: camera of the first frame, in the world that is wanted.
        source: for messages.

    Returns:
        Surfels in that world and the part of each ``(n,)``, 0 for what stands still.

    Raises:
        NoSubjectError: if no subject can be told from the background.
    """
    first = replace(lens, T_world_camera=np.eye(4))
    points = rest_points(evidence.seen, parts)
    spots = [
        _spots(evidence.seen, part, own, first) for part, own in zip(parts, points, strict=True)
    ]
    moving = np.concatenate(spots) if spots else _first_pixels(evidence.seen, evidence.moving)
    mask = subject_mask(image, moving, _axis_pixels(parts, points, first), source=source)
    still, still_points = _still(evidence, first)
    labels = [np.zeros(len(still), int), *(np.full(len(s), k) for k, s in enumerate(spots, 1))]
    pixels = np.concatenate([still, *spots])
    owners = part_map(mask, pixels, np.concatenate(labels))
    planes = [_base_plane(parts, evidence, mask, still, still_points)]
    planes += [fitted_plane(own, toward=np.zeros(3)) for own in points]
    sure = [_MOVED if not evidence.camera.still else _UNMOVED] + [_MOVED] * len(parts)
    surfels, labels_of = part_surfels(image, owners, planes, first, confidence=sure)
    return surfels.moved(lens.T_world_camera), labels_of


def rest_points(seen: Sightings, parts: list[ClipPart]) -> list[Array]:
    """Where each part's points are at first ``(k, 3)``, frame of the first camera."""
    found: list[Array] = []
    for part in parts:
        own = seen.select(part.members)
        points = first_points(own, part.joint.log_depth)
        back = invert(part.joint.motion)[own.first]
        found.append(np.einsum("nij,nj->ni", back[:, :3, :3], points) + back[:, :3, 3])
    return found


def _spots(seen: Sightings, part: ClipPart, points: Array, first: Camera) -> Array:
    """Pixels of a part in the first frame: of what is seen there, else of all of it."""
    there = seen.seen[part.members, 0]
    if there.sum() >= _FEWEST:
        return seen.pixels[part.members[there], 0]
    pixels, depth = first.project(points)
    inside = (depth > 0) & (pixels >= 0).all(axis=1)
    inside &= (pixels < [first.width, first.height]).all(axis=1)
    return pixels[inside]


def _first_pixels(seen: Sightings, which: Array) -> Array:
    return seen.pixels[which, seen.first[which]]


def _still(evidence: Evidence, first: Camera) -> tuple[Array, Array]:
    """Pixels in the first frame of what stands still, and its points there."""
    seen = evidence.seen
    which = evidence.still[seen.seen[evidence.still, 0]]
    pixels = seen.pixels[which, 0]
    return pixels, first.unproject(pixels, np.exp(evidence.log_depth[which]))


def _axis_pixels(parts: list[ClipPart], points: list[Array], first: Camera) -> Array:
    """Where the hinges' axes pass their parts, in the image ``(m, 2)``."""
    found = [np.zeros((0, 2))]
    for part, own in zip(parts, points, strict=True):
        joint = part.joint
        if joint.type.angular:
            along = (own - joint.pivot) @ joint.axis
            ends = joint.pivot + np.percentile(along, [10, 90])[:, None] * joint.axis
            pixels, depth = first.project(ends)
            found.append(np.clip(pixels[depth > 0.1], 0, [first.width, first.height]))
    return np.concatenate(found)


def _base_plane(
    parts: list[ClipPart], evidence: Evidence, mask: Array, still: Array, points: Array
) -> tuple[Array, Array]:
    """The plane of what stands still: through its points where their depth is known."""
    eye = np.zeros(3)
    if evidence.camera.solved and not evidence.camera.still:
        x, y = np.clip(still.astype(int), 0, [mask.shape[1] - 1, mask.shape[0] - 1]).T
        own = points[mask[y, x]]
        if len(own) >= _FEWEST:
            return fitted_plane(own, toward=eye)
    hinges = [p.joint for p in parts if p.joint.type.angular]
    if hinges:
        return hinge_plane(hinges[0].axis, hinges[0].pivot, toward=eye)
    deep = apply(
        np.eye(4), np.array([[0.0, 0.0, float(np.exp(np.median(evidence.seen.log_depth)))]])
    )[0]
    return deep, np.array([0.0, 0.0, -1.0])

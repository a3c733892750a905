"""Textures and their smaller copies in one array, and how a sample of them is taken."""

# pyright: basic

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from reel2sim.exporters.color import linear_from_srgb, srgb_from_linear
from reel2sim.rendering.model import Surface
from reel2sim.scene.arrays import Array

LEVELS = 12
MOST_TAPS = 4
"""Samples along the longer side of a slanting pixel's footprint."""


class Pyramids(NamedTuple):
    """All textures.

    Attributes:
        texels: ``(n, 3)`` uint8 sRGB.
        linear: what each of the 256 values is in linear light ``(256,)``.
        levels: first texel, height and width of each level ``(s, LEVELS, 3)``; the smallest one
            repeats to the end.
        repeats: of each surface ``(s,)`` bool.
        finish: roughness, specular, metallic and emission of each ``(s, 4)``.
    """

    texels: Any
    linear: Any
    levels: Any
    repeats: Any
    finish: Any


def pack(surfaces: Sequence[Surface]) -> Pyramids:
    """The pyramids of textures: each level is the mean, in linear light, of the one below."""
    import cv2

    texels: list[Array] = [np.zeros((0, 3), np.uint8)]
    levels = np.zeros((len(surfaces), LEVELS, 3), np.int64)
    light = linear_from_srgb(np.arange(256) / 255.0)
    count = 0
    for i, surface in enumerate(surfaces):
        image = surface.image[::-1]
        linear = light[image]
        for level in range(LEVELS):
            height, width = image.shape[:2]
            if level and (height, width) == tuple(levels[i, level - 1, 1:]):
                levels[i, level] = levels[i, level - 1]
                continue
            levels[i, level] = count, height, width
            texels.append(image.reshape(-1, 3))
            count += height * width
            size = (max(1, width // 2), max(1, height // 2))
            linear = cv2.resize(linear, size, interpolation=cv2.INTER_AREA).reshape(
                size[1], size[0], 3
            )
            image = np.rint(srgb_from_linear(linear) * 255.0).astype(np.uint8)
    return Pyramids(
        np.ascontiguousarray(np.concatenate(texels)),
        light,
        levels,
        np.array([s.repeats for s in surfaces], bool),
        np.array(
            [[s.roughness, s.specular, s.metallic, s.emission] for s in surfaces], np.float64
        ).reshape(-1, 4),
    )


@njit(cache=True, error_model="numpy", forceinline=True)
def texture(tex, s, u, v, ux, vx, uy, vy, out):
    """Colour of a surface, filtered over the footprint of a sample, into ``out`` ``(3,)``.

    Trilinear, with up to ``MOST_TAPS`` taps along the longer axis of the footprint (Heckbert,
    Survey of texture mapping, 1986, on pyramids; taps along the axis as GPUs do).

    Args:
        tex: all textures.
        s: the surface.
        u: coordinate to the right, images.
        v: coordinate up, images.
        ux: change of ``u`` from this sample to the right one.
        vx: change of ``v`` to the right one.
        uy: change of ``u`` to the lower one.
        vy: change of ``v`` to the lower one.
        out: gets linear red, green and blue.
    """
    out[0] = out[1] = out[2] = 0.0
    height, width = tex.levels[s, 0, 1], tex.levels[s, 0, 2]
    if height == 1 and width == 1:
        _fetch(tex, s, 0, u, v, 1.0, out)
        return
    across = np.sqrt((ux * width) ** 2 + (vx * height) ** 2)
    down = np.sqrt((uy * width) ** 2 + (vy * height) ** 2)
    du, dv, longer, shorter = ux, vx, across, down
    if down > across:
        du, dv, longer, shorter = uy, vy, down, across
    taps = 1
    if longer > 1.0:
        taps = min(MOST_TAPS, int(np.ceil(longer / max(shorter, 1.0) - 0.01)))
        taps = max(taps, 1)
    scale = max(longer / taps, 1e-9)
    level = min(max(np.log2(scale), 0.0), LEVELS - 1.001)
    low = int(level)
    high = level - low
    for k in range(taps):
        at = (k + 0.5) / taps - 0.5
        if high < 1.0:
            _fetch(tex, s, low, u + at * du, v + at * dv, (1.0 - high) / taps, out)
        if high > 0.0:
            _fetch(tex, s, low + 1, u + at * du, v + at * dv, high / taps, out)


@njit(cache=True, error_model="numpy", forceinline=True)
def _fetch(tex, s, level, u, v, weight, out):
    """Add ``weight`` times the bilinear colour of one level to ``out``."""
    first, height, width = tex.levels[s, level, 0], tex.levels[s, level, 1], tex.levels[s, level, 2]
    if tex.repeats[s]:
        u -= np.floor(u)
        v -= np.floor(v)
    else:
        u = min(max(u, 0.0), 1.0)
        v = min(max(v, 0.0), 1.0)
    x, y = u * width - 0.5, v * height - 0.5
    left, low = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - left, y - low
    right, high = left + 1, low + 1
    if tex.repeats[s]:
        left, right = left % width, right % width
        low, high = low % height, high % height
    else:
        left, right = max(left, 0), min(right, width - 1)
        low, high = max(low, 0), min(high, height - 1)
    a, b = first + low * width + left, first + low * width + right
    c, d = first + high * width + left, first + high * width + right
    wa, wb = (1 - fx) * (1 - fy) * weight, fx * (1 - fy) * weight
    wc, wd = (1 - fx) * fy * weight, fx * fy * weight
    for k in range(3):
        out[k] += (
            wa * tex.linear[tex.texels[a, k]]
            + wb * tex.linear[tex.texels[b, k]]
            + wc * tex.linear[tex.texels[c, k]]
            + wd * tex.linear[tex.texels[d, k]]
        )

"""Base colours of materials at vertices."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.importers.gltf.container import Container
from reel2sim.importers.gltf.fields import Fields
from reel2sim.scene.arrays import Array

_MOST_PIXELS = 100_000_000
"""Of all pictures of a file together."""
_LINEAR = linear_from_srgb(np.arange(256) / 255.0)
_CLAMP, _MIRROR = 33071, 33648
_GLOSS = "KHR_materials_pbrSpecularGlossiness"


@dataclass(frozen=True, eq=False)
class _Texture:
    """A picture, sRGB bytes ``(h, w, 3)``, and how it goes on beyond its edges."""

    picture: Array
    wrap: tuple[int, int]

    def at(self, uv: Array) -> Array:
        """Linear colours ``(v, 3)``, bilinear; the origin is the upper left corner."""
        height, width = self.picture.shape[:2]
        x = _wrapped(uv[:, 0], width, self.wrap[0])
        y = _wrapped(uv[:, 1], height, self.wrap[1])
        u, v = x[0][:, None], y[0][:, None]
        upper, lower = (
            (1 - u) * _LINEAR[self.picture[row, x[1]]] + u * _LINEAR[self.picture[row, x[2]]]
            for row in y[1:]
        )
        return (1 - v) * upper + v * lower


def _wrapped(at: Array, size: int, mode: int) -> tuple[Array, Array, Array]:
    """How far between which two pixels."""
    pixel = at * size - 0.5
    low = np.floor(pixel)
    ends = []
    for k in (low, low + 1):
        if mode == _CLAMP:
            k = np.clip(k, 0, size - 1)
        elif mode == _MIRROR:
            k = np.mod(k, 2 * size)
            k = np.where(k >= size, 2 * size - 1 - k, k)
        ends.append(np.mod(k, size).astype(np.int64))
    return pixel - low, ends[0], ends[1]


class Materials:
    """Materials of one file."""

    def __init__(self, container: Container, notes: list[str]) -> None:
        self._container, self._notes = container, notes
        self._facts = container.root.each("materials")
        self._textures = container.root.each("textures")
        self._samplers = container.root.each("samplers")
        self._images = len(container.root.items("images"))
        self._pictures: dict[int, Array | None] = {}
        self._pixels = 0

    def linear(self, primitive: Fields, rows: Mapping[str, Array], count: int) -> Array | None:
        """Colours ``(count, 3)`` in linear light; None where the file has none.

        Args:
            primitive: whose material it is.
            rows: attributes of its vertices.
            count: of vertices.
        """
        own = rows.get("COLOR_0")
        if "material" not in primitive:
            return None if own is None else own[:, :3].astype(np.float64)
        material = self._facts[primitive.index("material", len(self._facts))]
        base, factor, picture = material.inner("pbrMetallicRoughness"), "baseColor", ""
        if "pbrMetallicRoughness" not in material and _GLOSS in material.inner("extensions"):
            base, factor = material.inner("extensions").inner(_GLOSS), "diffuse"
        picture = f"{factor}Texture"
        color = np.tile(base.numbers(f"{factor}Factor", 4, [1.0] * 4)[:3], (count, 1))
        if own is not None:
            color = color * own[:, :3]
        if picture in base:
            color = color * self._sampled(base.inner(picture), rows, count)
        return color

    def _sampled(self, use: Fields, rows: Mapping[str, Array], count: int) -> Array:
        """A texture at the vertices ``(count, 3)``; white where it cannot be read."""
        shift = use.inner("extensions").inner("KHR_texture_transform")
        uv = rows.get(f"TEXCOORD_{shift.whole('texCoord', use.whole('texCoord', 0))}")
        texture = self._texture(use.index("index", len(self._textures)))
        if uv is None or texture is None or uv.shape[1] != 2:
            return np.ones((count, 3))
        angle = shift.number("rotation", 0.0)
        c, s = np.cos(angle), np.sin(angle)
        scaled = uv * shift.numbers("scale", 2, [1.0, 1.0])
        turned = scaled @ np.array([[c, -s], [s, c]])
        at = turned + shift.numbers("offset", 2, [0.0, 0.0])
        # Beyond this no picture repeats to any purpose, and whole numbers end.
        return texture.at(np.clip(at, -1e6, 1e6))

    def _texture(self, index: int) -> _Texture | None:
        facts = self._textures[index]
        extended = facts.inner("extensions").inner("EXT_texture_webp")
        holder = extended if "source" in extended else facts
        if "source" not in holder:
            self._note("a texture of a format that is not read is left out")
            return None
        image = holder.index("source", self._images)
        if image not in self._pictures:
            self._pictures[image] = self._decoded(image)
        picture = self._pictures[image]
        if picture is None:
            return None
        wrap = (10497, 10497)
        if "sampler" in facts:
            sampler = self._samplers[facts.index("sampler", len(self._samplers))]
            wrap = (sampler.whole("wrapS", wrap[0]), sampler.whole("wrapT", wrap[1]))
        return _Texture(picture, wrap)

    def _decoded(self, index: int) -> Array | None:
        """The picture ``(h, w, 3)``; None, with a note, if it cannot be had."""
        data = self._container.image(index)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
                    self._pixels += image.width * image.height
                    if self._pixels > _MOST_PIXELS:
                        self._note(f"pictures beyond {_MOST_PIXELS} pixels are left out")
                        return None
                    return np.asarray(image.convert("RGB"), np.uint8)
        except MemoryError:
            raise
        except Exception as cause:  # decoders of untrusted bytes raise anything
            self._note(f"image {index} cannot be read and is left out: {type(cause).__name__}")
            return None

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

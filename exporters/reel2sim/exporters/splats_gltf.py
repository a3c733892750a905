"""GLB of the surfels: ``KHR_gaussian_splatting`` on the nodes that move.

The extension is ratified; renderers that do not have it show the surfels as coloured points. So
they have a file of their own: beside the meshes of ``asset.glb`` each viewer would show both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.exporters.gltf_buffer import VERTICES, Buffer, container
from reel2sim.exporters.gltf_tree import document_of, finished
from reel2sim.exporters.splat import FLAT_SCALE_M
from reel2sim.scene import RiggedAsset, Surfels
from reel2sim.scene.arrays import Array

EXTENSION = "KHR_gaussian_splatting"
_POINTS = 0
_FIELDS = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}


def write_splats_glb(asset: RiggedAsset, path: Path) -> None:
    """Write the surfels of ``asset`` to ``path``: a node per link as in ``asset.glb``, animated.

    Each link's node holds its surfels, positions and harmonics in the link's frame. Surfels of a
    skin go with the link that carries them most, for splats cannot be skinned in glTF. Colours are
    those of pictures: sRGB, as displayed.
    """
    buffer = Buffer()
    document = document_of(asset)
    document["extensionsUsed"] = [EXTENSION]
    for i, origin in enumerate(asset.rest_poses[:, :3, 3]):
        part = asset.surfels.select(asset.surfel_links == i)
        if not len(part):
            continue
        document["nodes"][1 + i]["mesh"] = len(document["meshes"])
        primitive = _primitive(buffer, part, origin)
        document["meshes"].append({"name": asset.links[i].name, "primitives": [primitive]})
    document = finished(document, asset, buffer)
    path.write_bytes(container(document, bytes(buffer.data)))


def _primitive(buffer: Buffer, surfels: Surfels, origin: Array) -> dict[str, Any]:
    count = len(surfels)
    flat = np.full((count, 1), FLAT_SCALE_M)
    turns = np.roll(surfels.rotations, -1, axis=1)
    turns = turns / np.linalg.norm(turns, axis=1, keepdims=True)
    means = surfels.means.astype(np.float64) - origin
    floats: dict[str, tuple[Array, str]] = {
        "ROTATION": (turns, "VEC4"),
        "SCALE": (np.hstack([surfels.scales, flat]), "VEC3"),
        "OPACITY": (surfels.opacities, "SCALAR"),
    }
    degrees = round(surfels.sh.shape[1] ** 0.5)
    for degree in range(degrees):
        for n in range(2 * degree + 1):
            floats[f"SH_DEGREE_{degree}_COEF_{n}"] = (surfels.sh[:, degree**2 + n], "VEC3")
    attributes = {
        "POSITION": buffer.add(means, "VEC3", bounds=True, target=VERTICES),
        "COLOR_0": buffer.add(_shown(surfels), "VEC4", target=VERTICES, normalized=True),
    }
    for name, (values, kind) in floats.items():
        attributes[f"{EXTENSION}:{name}"] = buffer.add(values, kind, target=VERTICES)
    return {"attributes": attributes, "mode": _POINTS, "extensions": {EXTENSION: dict(_FIELDS)}}


def _shown(surfels: Surfels) -> Array:
    """What is shown without the extension: linear colour and opacity in 16 bits ``(n, 4)``."""
    rgba = np.hstack([linear_from_srgb(surfels.colors), surfels.opacities[:, None]])
    return np.round(np.clip(rgba, 0, 1) * 65535).astype(np.uint16)

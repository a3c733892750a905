"""A small picture of the asset, without a renderer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from reel2sim.exporters.joints import start_poses
from reel2sim.exporters.obj import NEUTRAL
from reel2sim.scene import RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

THUMBNAIL = Path("usd/scene/.thumbs/256x256/scene.usda.png")
"""Where a bundle has its picture: beside its stage, as USD's tools look for it."""
_AZIMUTH, _ELEVATION = np.radians(-60.0), np.radians(25.0)
_LIGHT = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
_OVERSAMPLE = 2


def draw_thumbnail(*assets: RiggedAsset, size: int = 256) -> Image.Image:
    """The visual meshes at rest as RGBA, orthographic, painted far to near."""
    found = [_triangles(asset) for asset in assets]
    triangles, colors = (np.concatenate([each[k] for each in found]) for k in range(2))
    image = Image.new("RGBA", (size * _OVERSAMPLE, size * _OVERSAMPLE), (0, 0, 0, 0))
    if len(triangles):
        right, up, toward = _view_axes()
        normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
        shade = 0.45 + 0.55 * np.clip(normals @ _LIGHT, 0.0, 1.0)
        rgb = np.round(255 * np.clip(colors * shade[:, None], 0.0, 1.0)).astype(int)
        plane = np.stack([triangles @ right, -(triangles @ up)], axis=-1)
        low, high = plane.min(axis=(0, 1)), plane.max(axis=(0, 1))
        scale = 0.9 * image.width / max(float((high - low).max()), 1e-9)
        pixels = (plane - (low + high) / 2) * scale + image.width / 2
        draw = ImageDraw.Draw(image)
        for i in np.argsort((triangles @ toward).mean(axis=1), kind="stable"):
            draw.polygon([tuple(p) for p in pixels[i].tolist()], fill=(*rgb[i].tolist(), 255))
    return image.resize((size, size), Image.Resampling.BOX)


def write_thumbnail(path: Path, *assets: RiggedAsset) -> None:
    """Write :func:`draw_thumbnail` as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_thumbnail(*assets).save(path, format="PNG")


def _view_axes() -> tuple[Array, Array, Array]:
    a, e = _AZIMUTH, _ELEVATION
    toward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    return right, np.cross(toward, right), toward


def _triangles(asset: RiggedAsset) -> tuple[Array, Array]:
    """World triangles ``(f, 3, 3)`` and their sRGB ``(f, 3)``, of the skin if there is one."""
    meshes = [(T, link.visual) for T, link in zip(start_poses(asset), asset.links, strict=True)]
    if asset.skin is not None:
        meshes = [(asset.motion.base_poses[0], asset.skin.mesh)]
    found: list[Array] = [np.zeros((0, 3, 3))]
    shades: list[Array] = [np.zeros((0, 3))]
    for T, mesh in meshes:
        found.append(apply(T, mesh.vertices)[mesh.faces])
        colors = np.tile(NEUTRAL, (len(mesh.vertices), 1)) if mesh.colors is None else mesh.colors
        shades.append(colors[mesh.faces].mean(axis=1))
    return np.concatenate(found), np.concatenate(shades)

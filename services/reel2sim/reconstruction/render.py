"""Pictures of surfels, without gradients: numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from reel2sim.reconstruction.rasterize import rasterize_surfels
from reel2sim.scene import Camera, Surfels
from reel2sim.scene.arrays import Array, checked
from reel2sim.scene.harmonics import sh_basis

_EMPTY = 0.05
"""Coverage under which a pixel has no depth."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """Images of one camera.

    Attributes:
        rgb: ``(h, w, 3)`` float32 sRGB over the background.
        alpha: coverage ``(h, w)`` float32, 0..1.
        depth: expected depth along the optical axis ``(h, w)``, metres; 0 where nothing is.
        normal: alpha-weighted normals facing the camera ``(h, w, 3)``, world.
        features: composited extra channels ``(h, w, c)``, or None.
    """

    rgb: Array
    alpha: Array
    depth: Array
    normal: Array
    features: Array | None = None


def sh_colors(sh: Array, directions: Array) -> Array:
    """Colours seen along unit ``directions`` ``(n, 3)`` (camera to surfel), 0..1.

    Real spherical harmonics in the order and signs of 3DGS files, up to degree 3.

    Args:
        sh: coefficients ``(n, k, 3)``, k of 1, 4, 9 or 16.
        directions: ``(n, 3)``.

    Raises:
        InputError: for a degree above 3.
    """
    basis = sh_basis(directions, sh.shape[1])
    return np.clip(0.5 + np.einsum("nk,nkc->nc", basis, sh), 0.0, 1.0)


def render(
    surfels: Surfels,
    camera: Camera,
    *,
    background: Sequence[float] = (0.0, 0.0, 0.0),
    features: Array | None = None,
) -> Rendered:
    """Draw surfels as ``camera`` sees them, on the CPU.

    Args:
        surfels: what to draw, world frame of the camera.
        camera: from where.
        background: colour behind the surfels, 0..1.
        features: extra channels to composite over zero ``(n, c)``, such as part colours.
    """
    extra = np.zeros((len(surfels), 0), np.float32)
    if features is not None:
        extra = checked("features", features, (len(surfels), "c"), dtype=np.float32)
    offset = surfels.means - camera.position
    length = np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-12)
    channels = np.concatenate([sh_colors(surfels.sh, offset / length), extra], axis=1)
    with torch.no_grad():
        out = rasterize_surfels(
            *(
                torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
                for x in (
                    surfels.means,
                    surfels.rotations,
                    surfels.scales,
                    surfels.opacities,
                    channels,
                )
            ),
            K=torch.from_numpy(camera.K.astype(np.float32)),
            T_camera_world=torch.from_numpy(camera.T_camera_world.astype(np.float32)),
            width=camera.width,
            height=camera.height,
        )
    images = out.features.numpy()
    alpha = out.alpha.numpy()
    behind = (1 - alpha[..., None]) * np.asarray(background, np.float32)
    depth = np.where(alpha > _EMPTY, out.depth.numpy() / np.maximum(alpha, _EMPTY), 0.0)
    return Rendered(
        rgb=np.clip(images[..., :3] + behind, 0.0, 1.0),
        alpha=alpha,
        depth=depth.astype(np.float32),
        normal=out.normal.numpy(),
        features=None if features is None else images[..., 3:],
    )

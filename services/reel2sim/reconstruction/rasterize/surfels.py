"""The one entry point: check the input, choose a backend, draw."""

from __future__ import annotations

import importlib.util

import torch

from reel2sim.reconstruction.rasterize.model import Backend, RasterOutput
from reel2sim.reconstruction.rasterize.projection import to_camera
from reel2sim.scene.errors import InputError
from reel2sim.scene.progress import Progress, silent


def rasterize_surfels(
    means: torch.Tensor,
    rotations: torch.Tensor,
    scales: torch.Tensor,
    opacities: torch.Tensor,
    features: torch.Tensor,
    *,
    K: torch.Tensor,
    T_camera_world: torch.Tensor,
    width: int,
    height: int,
    backend: Backend = "auto",
) -> RasterOutput:
    """Draw Gaussian surfels as one pinhole camera sees them, differentiably.

    Each surfel is met where a pixel's ray pierces its plane (2DGS, Huang et al. 2024), so depth
    and outline are right at any angle; a screen-space filter keeps thin ones visible. Surfels
    are composited in the order of their centres' depth. Gradients flow to every tensor argument
    that asks for them, the camera included.

    Args:
        means: centres ``(n, 3)``, metres, world.
        rotations: ``(n, 4)`` wxyz, of any length above zero.
        scales: standard deviations along the tangents ``(n, 2)``, metres.
        opacities: ``(n,)``, 0..1.
        features: channels to composite ``(n, c)``, such as linear or sRGB colour.
        K: intrinsics ``(3, 3)``, pixels; the last row is ``0, 0, 1``.
        T_camera_world: world-to-camera ``(4, 4)`` in OpenCV axes.
        width: image width in pixels.
        height: image height in pixels.
        backend: ``"numba"`` (CPU), ``"gsplat"`` (CUDA), ``"torch"`` (slow and readable), or
            ``"auto"``: gsplat for CUDA tensors where it is installed, else numba.

    Returns:
        Images on the device and in the dtype of ``features``.

    Raises:
        InputError: if shapes disagree or a value is not finite.
        MissingDependencyError: if gsplat was asked for and is not installed.
    """
    _check(means, rotations, scales, opacities, features, K, T_camera_world, width, height)
    if backend == "auto":
        backend = _choose(means)
    if backend == "gsplat":
        from reel2sim.reconstruction.rasterize import gsplat_backend

        return gsplat_backend.rasterize(
            means, rotations, scales, opacities, features, K, T_camera_world, width, height
        )
    surfels = to_camera(means, rotations, scales, T_camera_world)
    if backend == "torch":
        from reel2sim.reconstruction.rasterize import torch_reference

        return torch_reference.rasterize(surfels, opacities, features, K, width, height)
    from reel2sim.reconstruction.rasterize import numba_backend

    return numba_backend.rasterize(surfels, opacities, features, K, width, height)


def warm_up(progress: Progress = silent) -> None:
    """Get the CPU rasteriser ready to draw; see :func:`.numba_backend.warm_up`."""
    from reel2sim.reconstruction.rasterize import numba_backend

    numba_backend.warm_up(progress)


def _choose(means: torch.Tensor) -> Backend:
    if means.is_cuda and importlib.util.find_spec("gsplat") is not None:
        return "gsplat"
    return "numba"


def _check(
    means: torch.Tensor,
    rotations: torch.Tensor,
    scales: torch.Tensor,
    opacities: torch.Tensor,
    features: torch.Tensor,
    K: torch.Tensor,
    T_camera_world: torch.Tensor,
    width: int,
    height: int,
) -> None:
    n = means.shape[0]
    channels = features.shape[-1] if features.dim() == 2 else -1
    expected = {
        "means": (means, (n, 3)),
        "rotations": (rotations, (n, 4)),
        "scales": (scales, (n, 2)),
        "opacities": (opacities, (n,)),
        "features": (features, (n, channels)),
        "K": (K, (3, 3)),
        "T_camera_world": (T_camera_world, (4, 4)),
    }
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            wanted = "(n, c)" if name == "features" else str(shape)
            raise InputError(
                f"has shape {tuple(tensor.shape)}, expected {wanted}", source=f"surfel {name}"
            )
        if not torch.isfinite(tensor).all():
            index = tuple(torch.nonzero(~torch.isfinite(tensor))[0].tolist())
            raise InputError(
                f"is not finite at index {index}",
                source=f"surfel {name}",
                remedy="check the step size or the input that produced it",
            )
    lower = K.detach().cpu()
    if (
        lower[1, 0] != 0
        or lower[2].tolist() != [0.0, 0.0, 1.0]
        or min(lower[0, 0], lower[1, 1]) <= 0
    ):
        raise InputError(
            f"is no pinhole intrinsic matrix: {lower.tolist()}",
            source="surfel K",
            remedy="give [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with positive fx and fy",
        )
    if width < 1 or height < 1:
        raise InputError(f"image size {width}×{height} is not positive", source="rasterize_surfels")

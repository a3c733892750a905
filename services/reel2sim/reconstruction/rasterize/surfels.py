"""The one entry point: check the input, choose a backend, draw."""

from __future__ import annotations

import importlib.util

import torch

from reel2sim.reconstruction.rasterize.checks import check_surfels, checked_scene
from reel2sim.reconstruction.rasterize.model import Backend, Extra, RasterOutput
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
    extras: tuple[Extra, ...] = (),
    backend: Backend = "auto",
) -> RasterOutput:
    """Draw Gaussian surfels as pinhole cameras see them, differentiably.

    Each surfel is met where a pixel's ray pierces its plane (2DGS, Huang et al. 2024), so depth
    and outline are right at any angle; a screen-space filter keeps thin ones visible. Surfels
    are composited in the order of their centres' depth. Gradients flow to every tensor argument
    that asks for them, the cameras included.

    ``K``, ``T_camera_world`` and ``features`` may each have a leading axis of ``b`` cameras.
    Results then have it too; what lacks it is shared by all.

    Args:
        means: centres ``(n, 3)``, metres, world.
        rotations: ``(n, 4)`` wxyz, of any length above zero.
        scales: standard deviations along the tangents ``(n, 2)``, metres.
        opacities: ``(n,)``, 0..1.
        features: channels to composite ``(n, c)`` or ``(b, n, c)``, such as linear or sRGB colour.
        K: intrinsics ``(3, 3)`` or ``(b, 3, 3)``, pixels; the last row is ``0, 0, 1``.
        T_camera_world: world-to-camera ``(4, 4)`` or ``(b, 4, 4)`` in OpenCV axes.
        width: image width in pixels.
        height: image height in pixels.
        extras: images to draw besides: ``"median_depth"`` (without gradient), ``"distortion"``.
        backend: ``"numba"`` (CPU), ``"gsplat"`` (CUDA), ``"torch"`` (slow and readable), or
            ``"auto"``: gsplat for CUDA tensors where it is installed, else numba.

    Returns:
        Images on the device and in the dtype of ``features``.

    Raises:
        InputError: if shapes disagree or a value is not finite.
        MissingDependencyError: if gsplat was asked for and is not installed.
    """
    scene = checked_scene(
        means,
        rotations,
        scales,
        opacities,
        features,
        K=K,
        T_camera_world=T_camera_world,
        width=width,
        height=height,
        extras=extras,
    )
    if backend == "auto":
        backend = _choose(means)
    if backend == "numba":  # looks at every value anyway, and refuses what is not finite itself
        from reel2sim.reconstruction.rasterize import numba_backend

        return numba_backend.rasterize(scene)
    check_surfels(scene)
    if backend == "torch":
        from reel2sim.reconstruction.rasterize import torch_reference

        return torch_reference.rasterize(scene)
    from reel2sim.reconstruction.rasterize import gsplat_backend

    return gsplat_backend.rasterize(scene)


def warm_up(progress: Progress = silent) -> None:
    """Get the CPU rasteriser ready to draw; see :func:`.numba_backend.warm_up`."""
    from reel2sim.reconstruction.rasterize import numba_backend

    numba_backend.warm_up(progress)


def _choose(means: torch.Tensor) -> Backend:
    if means.is_cuda and importlib.util.find_spec("gsplat") is not None:
        return "gsplat"
    return "numba"

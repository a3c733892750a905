"""What callers hand in, checked before anything is drawn."""

from __future__ import annotations

from typing import get_args

import torch

from reel2sim.reconstruction.rasterize.model import Extra, Scene
from reel2sim.scene.errors import InputError


def checked_scene(
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
    extras: tuple[Extra, ...],
) -> Scene:
    """Check everything about arguments but that surfels are finite.

    Raises:
        InputError: if shapes disagree, or intrinsics or poses are no finite pinhole cameras.
            Whether surfels are finite is up to the backends, see :func:`check_surfels`.
    """
    n = means.shape[0] if means.dim() else -1
    expected = {
        "means": (means, (n, 3)),
        "rotations": (rotations, (n, 4)),
        "scales": (scales, (n, 2)),
        "opacities": (opacities, (n,)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor.shape != shape:
            raise _wrong(name, tensor, str(shape))
    if features.dim() not in (2, 3) or features.shape[-2] != n:
        raise _wrong("features", features, "(n, c) or (b, n, c)")
    for name, tensor, size in (("K", K, 3), ("T_camera_world", T_camera_world, 4)):
        if tensor.dim() not in (2, 3) or tensor.shape[-2:] != (size, size):
            raise _wrong(name, tensor, f"({size}, {size}) or (b, {size}, {size})")
    counts = {
        name: tensor.shape[0]
        for name, tensor in (("features", features), ("K", K), ("T_camera_world", T_camera_world))
        if tensor.dim() == 3
    }
    if len(set(counts.values())) > 1 or 0 in counts.values():
        raise InputError(
            "disagree in the number of cameras, or have none: "
            + ", ".join(f"{name} {count}" for name, count in counts.items()),
            source="rasterize_surfels",
            remedy="give each once, or once for each camera",
        )
    if width < 1 or height < 1:
        raise InputError(f"image size {width}×{height} is not positive", source="rasterize_surfels")
    unknown = set(extras) - set(get_args(Extra))
    if unknown or isinstance(extras, str):
        raise InputError(
            f"are {extras!r}, known are {', '.join(get_args(Extra))}",
            source="rasterize_surfels",
            field="extras",
            remedy="give a tuple of names",
        )
    scene = Scene(
        means=means,
        rotations=rotations,
        scales=scales,
        opacities=opacities,
        features=features,
        K=K,
        T_camera_world=T_camera_world,
        width=width,
        height=height,
        extras=tuple(extras),
        cameras=max(counts.values()) if counts else None,
    )
    _check_cameras("K", K)
    _check_cameras("T_camera_world", T_camera_world)
    return scene


def _check_cameras(name: str, given: torch.Tensor) -> None:
    """Intrinsics or poses."""
    matrices = given.tolist()
    for camera, matrix in enumerate(matrices if given.dim() == 3 else [matrices]):
        total = sum(map(sum, matrix))
        if total - total != 0:  # infinite or no number
            check_finite(name, given)
        if name != "K":
            continue
        if matrix[1][0] != 0 or matrix[2] != [0, 0, 1] or min(matrix[0][0], matrix[1][1]) <= 0:
            raise InputError(
                f"is no pinhole intrinsic matrix: {matrix}",
                source="surfel K",
                field=f"camera {camera}" if given.dim() == 3 else None,
                remedy="give [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with positive fx and fy",
            )


def check_finite(name: str, tensor: torch.Tensor) -> None:
    """Refuse infinities and what is no number.

    Raises:
        InputError: naming the argument and the index of the first such value.
    """
    finite = torch.isfinite(tensor)
    if not finite.all():
        index = tuple(torch.nonzero(~finite)[0].tolist())
        raise InputError(
            f"is not finite at index {index}",
            source=f"surfel {name}",
            remedy="check the step size or the input that produced it",
        )


def check_surfels(scene: Scene) -> None:
    """Refuse surfels that are not finite."""
    for name in ("means", "rotations", "scales", "opacities"):
        check_finite(name, getattr(scene, name))
    check_finite("features", scene.features)


def _wrong(name: str, tensor: torch.Tensor, wanted: str) -> InputError:
    return InputError(
        f"has shape {tuple(tensor.shape)}, expected {wanted}", source=f"surfel {name}"
    )

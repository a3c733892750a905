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
    """Bring arguments into the one form the backends take.

    Cameras become ``(b, 3, 3)`` and ``(b, 4, 4)``, features ``(b, n, c)``, each with a ``b`` of 1
    where it was given once for all.

    Raises:
        InputError: if shapes disagree, or intrinsics or poses are no finite pinhole cameras.
            Surfels are checked by the backends, see :func:`check_finite`.
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
        features=features if features.dim() == 3 else features[None],
        K=K if K.dim() == 3 else K[None],
        T_camera_world=T_camera_world if T_camera_world.dim() == 3 else T_camera_world[None],
        width=width,
        height=height,
        extras=tuple(extras),
        batched=bool(counts),
    )
    _check_cameras(scene.K.detach().cpu(), K)
    _check_cameras(scene.T_camera_world.detach().cpu(), T_camera_world)
    return scene


def _check_cameras(matrices: torch.Tensor, given: torch.Tensor) -> None:
    """Intrinsics, 3 × 3, or poses, 4 × 4."""
    intrinsic = matrices.shape[-1] == 3
    for camera, matrix in enumerate(matrices.tolist()):
        total = sum(map(sum, matrix))
        if total - total != 0:  # infinite or no number
            check_finite("K" if intrinsic else "T_camera_world", given)
        if not intrinsic:
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

"""Where the fit runs."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from reel2sim.reconstruction.config import Device
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.scene.errors import MissingDependencyError, UnavailableError


@dataclass(frozen=True)
class Target:
    """A device and the rasteriser that draws there.

    Attributes:
        device: of all tensors of the fit.
        backend: for :func:`reel2sim.reconstruction.rasterize.rasterize_surfels`.
    """

    device: torch.device
    backend: Backend


def target(device: Device) -> Target:
    """Resolve a configured device.

    Raises:
        UnavailableError: if CUDA is asked for and there is none.
        MissingDependencyError: if CUDA is asked for and gsplat is not installed.
    """
    has_cuda = torch.cuda.is_available()
    has_gsplat = importlib.util.find_spec("gsplat") is not None
    if device == "cuda" and not has_cuda:
        raise UnavailableError(
            "no CUDA device", source="device", remedy="use --device cpu, or auto"
        )
    if device == "cuda" and not has_gsplat:
        raise MissingDependencyError(
            "gsplat is not installed",
            source="device",
            remedy="pip install 'reel2sim[gpu]', or use --device cpu",
        )
    if device != "cpu" and has_cuda and has_gsplat:
        return Target(torch.device("cuda"), "gsplat")
    return Target(torch.device("cpu"), "auto")


@contextmanager
def reproducible(device: torch.device) -> Generator[None]:
    """Make the same input give the same bits while it lasts.

    PyTorch's scattered sums (gradients of indexing) otherwise depend on where memory happens to
    lie, even on one CPU thread. On CUDA it is asked for where there is such an algorithm.
    Numbers too small to be normal, which optimisers make plenty of, count as zero meanwhile: CPUs
    take a hundred times as long for them.
    """
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.use_deterministic_algorithms(before, warn_only=warned)

"""Time the surfel rasteriser against others, side by side in one run.

    python benchmarks/rasterize.py [--rounds 5] [--baseline FILE] [--json]

Backends take turns within every round, so that a busy machine slows all alike; the figure is the
best round. The torch reference is dense (pixels × surfels) and runs only where it fits.
``--baseline FILE`` adds a Python file with a function
``render(means, rotations, scales, opacities, colors, T_camera_world, K, width, height)`` that
returns a tensor, or a tuple of tensors, to differentiate.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numba
import torch

from reel2sim.reconstruction.rasterize import rasterize_surfels, warm_up

SIZES = ((128, 5_000), (256, 20_000), (512, 50_000))
REFERENCE_LIMIT = 128 * 128 * 500  # pixel–surfel pairs the dense reference can hold
REFERENCE_SIZE = (64, 500)

Draw = Callable[..., tuple[torch.Tensor, ...]]
Scene = tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]


def sphere(size: int, n: int) -> Scene:
    """A closed ball of surfels, lying at random: surfel tensors, view and intrinsics."""
    g = torch.Generator().manual_seed(0)
    means = torch.nn.functional.normalize(torch.randn(n, 3, generator=g))
    surfels = [
        means,
        torch.randn(n, 4, generator=g),
        torch.full((n, 2), 2.0 / math.sqrt(n)),
        torch.full((n,), 0.8),
        torch.rand(n, 3, generator=g),
    ]
    view = torch.eye(4)
    view[2, 3] = 4.0
    K = torch.tensor([[1.2 * size, 0, size / 2], [0, 1.2 * size, size / 2], [0, 0, 1]])
    return [s.requires_grad_() for s in surfels], view, K


def draw_with(backend: str, *args: torch.Tensor | int) -> tuple[torch.Tensor, ...]:
    *surfels, view, K, width, height = args
    out = rasterize_surfels(
        *surfels, K=K, T_camera_world=view, width=width, height=height, backend=backend
    )
    return out.features, out.alpha, out.depth, out.normal


def load(path: Path) -> Draw:
    spec = importlib.util.spec_from_file_location("baseline", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a compiled function loaded from a cache looks for it
    spec.loader.exec_module(module)
    return lambda *args: _tuple(module.render(*args))


def _tuple(value: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def once(draw: Draw, scene: Scene, size: int) -> tuple[float, float]:
    """Seconds of one picture and of its gradients."""
    surfels, view, K = scene
    start = time.perf_counter()
    images = draw(*surfels, view, K, size, size)
    drawn = time.perf_counter()
    torch.stack([(image**2).sum() for image in images]).sum().backward()
    return drawn - start, time.perf_counter() - drawn


def compare(backends: dict[str, Draw], size: int, n: int, rounds: int) -> dict[str, dict]:
    scene = sphere(size, n)
    best = dict.fromkeys(backends, (math.inf, math.inf))
    for turn in range(rounds + 1):
        for name, draw in backends.items():
            seconds = once(draw, scene, size)
            if turn:  # the first round compiles and warms caches
                best[name] = tuple(map(min, best[name], seconds))
    ours = sum(best["numba"])
    return {
        name: {
            "size": size,
            "surfels": n,
            "forward_ms": round(1e3 * forward, 2),
            "backward_ms": round(1e3 * backward, 2),
            "times_numba": round((forward + backward) / ours, 2),
        }
        for name, (forward, backward) in best.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--baseline", type=Path, help="Python file with a render function")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    torch.set_num_threads(numba.get_num_threads())
    warm_up()
    if not options.json:
        print(f"{platform.processor() or platform.machine()}, {numba.get_num_threads()} threads")
        print(
            f"{'size':>9} {'surfels':>8} {'backend':>9} {'fwd ms':>9} {'bwd ms':>9} {'× numba':>8}"
        )
    for size, n in (REFERENCE_SIZE, *SIZES):
        backends: dict[str, Draw] = {"numba": partial(draw_with, "numba")}
        if size * size * n <= REFERENCE_LIMIT:
            backends["torch"] = partial(draw_with, "torch")
        if options.baseline:
            backends["baseline"] = load(options.baseline)
        for name, row in compare(backends, size, n, options.rounds).items():
            if options.json:
                print(json.dumps({"backend": name, **row}), flush=True)
            else:
                print(
                    f"{size:>4}×{size:<4} {n:>8} {name:>9} {row['forward_ms']:>9.1f} "
                    f"{row['backward_ms']:>9.1f} {row['times_numba']:>8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from reel2sim.reconstruction.bounds import object_sphere
from reel2sim.reconstruction.canonical import densified, fit_canonical
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.losses import psnr_db, squared_error
from reel2sim.reconstruction.seeding import initial_surfels
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View, load_views, zero_views
from reel2sim.scene import Reel, Surfels
from reel2sim.scene.errors import CancelledError, UsageError

from .conftest import make_reel

CPU = torch.device("cpu")


def _views(reel: Reel, config: ReconstructionConfig) -> tuple[View, ...]:
    sphere = object_sphere(reel)
    views = load_views(reel, sphere=sphere, max_px=config.image_px, device=CPU)
    return zero_views(views, min_views=3)


def _psnr(surfels: SurfelTensors, views: tuple[View, ...]) -> float:
    with torch.no_grad():
        return psnr_db([squared_error(surfels.draw(v), v) for v in views])


@pytest.fixture(scope="module")
def fitted(chest: Reel, tiny: ReconstructionConfig) -> Surfels:
    return fit_canonical(chest, config=tiny)


def test_fit_improves_on_the_coloured_hull(
    chest: Reel, tiny: ReconstructionConfig, fitted: Surfels
) -> None:
    sphere, views = object_sphere(chest), _views(chest, tiny)
    before = _psnr(initial_surfels(chest, views, sphere=sphere, config=tiny), views)
    after = _psnr(SurfelTensors.of(fitted, sphere=sphere, device=CPU), views)
    assert after > before + 1.0
    assert after > 18.0


def test_surfels_lie_where_the_chest_is(fitted: Surfels) -> None:
    assert np.median(fitted.means, axis=0) == pytest.approx([0.0, -0.05, 0.2], abs=0.15)
    assert 0.5 < fitted.diagonal < 1.4
    assert fitted.confidence.min() >= 0
    assert fitted.confidence.max() > 0.8


def test_same_seed_same_surfels(chest: Reel, tiny: ReconstructionConfig) -> None:
    quick = replace(tiny, canonical_steps=6)
    a, b = (fit_canonical(chest, config=quick) for _ in range(2))
    np.testing.assert_allclose(a.means, b.means, atol=1e-5)
    np.testing.assert_allclose(a.sh, b.sh, atol=1e-3)


def test_fit_is_equivariant_under_scale_and_shift(tiny: ReconstructionConfig) -> None:
    short = replace(tiny, canonical_steps=8, surfels=300)
    shift = (7.0, -3.0, 2.0)
    a = fit_canonical(make_reel(instants=2), config=short)
    b = fit_canonical(make_reel(instants=2, scale=10.0, shift=shift), config=short)
    assert b.diagonal == pytest.approx(10 * a.diagonal, rel=0.05)
    np.testing.assert_allclose(
        b.means.mean(0), a.means.mean(0) * 10 + shift, atol=0.02 * b.diagonal
    )


def test_progress_carries_psnr_and_can_cancel(chest: Reel, tiny: ReconstructionConfig) -> None:
    told: list[dict[str, float]] = []

    def listen(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        assert stage == "reconstruction"
        assert 0 <= fraction <= 1
        told.append(metrics)
        if "psnr" in metrics:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        fit_canonical(chest, config=tiny, progress=listen)
    assert "psnr" in told[-1]


def test_densifying_splits_the_pulled_and_drops_the_faint() -> None:
    n = 40
    opacity = torch.full((n,), 2.0)
    opacity[:5] = -8.0
    pressure = torch.zeros(n)
    pressure[10:13] = 1.0
    surfels = SurfelTensors(
        torch.arange(n * 3).reshape(n, 3).float(),
        torch.tensor([1.0, 0, 0, 0]).repeat(n, 1),
        torch.log(torch.tensor([0.2, 0.1])).repeat(n, 1),
        opacity,
        torch.rand(n, 3, generator=torch.Generator().manual_seed(0)),
    )
    out = densified(surfels, pressure, share=0.0, generator=torch.Generator().manual_seed(0))
    assert len(out) == n
    assert (out.opacity_logits > 0).all()
    left, right = out.means[-10:-5], out.means[-5:]
    torch.testing.assert_close(right - left, torch.tensor([[0.2, 0, 0]]).repeat(5, 1))
    pulled = {tuple(m) for m in surfels.means[10:13].tolist()}
    assert pulled <= {tuple(m) for m in ((left + right) / 2).tolist()}


def test_presets_grow_and_bad_options_are_named() -> None:
    draft, standard, high = (
        ReconstructionConfig.preset(name) for name in ("draft", "standard", "high")
    )
    assert draft.surfels < standard.surfels < high.surfels
    assert ReconstructionConfig.preset("draft", seed=7).seed == 7
    with pytest.raises(UsageError, match="unknown preset"):
        ReconstructionConfig.preset("ultra")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="bones"):
        ReconstructionConfig(bones=0)


def test_package_loads_torch_only_when_used_and_keeps_its_functions() -> None:
    code = (
        "import sys, reel2sim.reconstruction as r\n"
        "assert 'torch' not in sys.modules\n"
        "import reel2sim.reconstruction.render\n"
        "from reel2sim.reconstruction import reconstruct, render\n"
        "assert callable(render) and callable(reconstruct)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

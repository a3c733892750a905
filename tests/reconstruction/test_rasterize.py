"""Laws of the surfel rasteriser: backends agree, gradients are derivatives, order is free."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reel2sim.reconstruction.rasterize import RasterOutput, rasterize_surfels, warm_up
from reel2sim.reconstruction.rasterize.gsplat_backend import (
    depth_from_planes,
    depth_planes,
    padded,
)
from reel2sim.reconstruction.rasterize.projection import to_camera
from reel2sim.scene.errors import InputError, MissingDependencyError

IMAGES = ("features", "alpha", "depth", "normal")


@dataclass(frozen=True)
class Setup:
    """Surfels before a camera, as leaf tensors."""

    means: torch.Tensor
    rotations: torch.Tensor
    scales: torch.Tensor
    opacities: torch.Tensor
    features: torch.Tensor
    K: torch.Tensor
    T_camera_world: torch.Tensor

    def to(self, dtype: torch.dtype) -> "Setup":
        values = (getattr(self, f.name).detach().to(dtype) for f in fields(self))
        return Setup(*(v.requires_grad_() for v in values))

    def draw(self, width: int, height: int, backend: str) -> RasterOutput:
        *surfels, K, T = (getattr(self, f.name) for f in fields(self))
        return rasterize_surfels(
            *surfels, K=K, T_camera_world=T, width=width, height=height, backend=backend
        )


def random_setup(n: int, *, seed: int, scale: float, width: int, height: int) -> Setup:
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g)

    angle = 0.3 * normal(3)
    turn = torch.linalg.matrix_exp(
        torch.tensor([[0, -angle[2], angle[1]], [angle[2], 0, -angle[0]], [-angle[1], angle[0], 0]])
    )
    T = torch.eye(4)
    T[:3, :3] = turn
    T[:3, 3] = torch.tensor([0.1, -0.2, 3.0])
    return Setup(
        means=0.6 * normal(n, 3),
        rotations=normal(n, 4),
        scales=scale * torch.exp(0.5 * normal(n, 2)),
        opacities=torch.sigmoid(1.5 * normal(n)),
        features=normal(n, 3),
        K=torch.tensor(
            [[1.3 * width, 0.4, 0.52 * width], [0, 1.2 * width, 0.47 * height], [0, 0, 1]]
        ),
        T_camera_world=T,
    )


def smooth_loss(out: RasterOutput) -> torch.Tensor:
    """A weighted sum of all images with weights that vary slowly over the picture."""
    h, w = out.alpha.shape
    y, x = torch.meshgrid(
        torch.arange(h, dtype=out.alpha.dtype),
        torch.arange(w, dtype=out.alpha.dtype),
        indexing="ij",
    )
    total = torch.zeros((), dtype=out.alpha.dtype)
    for k, name in enumerate(IMAGES):
        image = getattr(out, name).reshape(h, w, -1)
        for c in range(image.shape[2]):
            total = total + (image[..., c] * torch.sin(0.23 * x - 0.17 * y + 2 * c + k)).sum()
    return total


def gradients(setup: Setup, width: int, height: int, backend: str) -> dict[str, torch.Tensor]:
    smooth_loss(setup.draw(width, height, backend)).backward()
    return {f.name: getattr(setup, f.name).grad.double() for f in fields(setup)}


SCENES = [
    pytest.param(40, 0.25, 33, 50, id="large surfels, portrait"),
    pytest.param(150, 0.08, 61, 35, id="small surfels, landscape"),
    pytest.param(120, 0.006, 40, 40, id="below a pixel: low-pass filter"),
]


@pytest.mark.parametrize(("n", "scale", "width", "height"), SCENES)
@pytest.mark.parametrize("seed", [0, 1])
def test_numba_draws_what_the_reference_draws(n, scale, width, height, seed):
    setup = random_setup(n, seed=seed, scale=scale, width=width, height=height)
    fast = setup.to(torch.float32).draw(width, height, "numba")
    exact = setup.to(torch.float64).draw(width, height, "torch")
    assert exact.alpha.max().item() > 0.3
    for name in IMAGES:
        error = (getattr(fast, name).double() - getattr(exact, name)).abs()
        # Rounding may decide whether a surfel at the threshold of visibility counts at a pixel.
        assert torch.quantile(error, 0.999).item() < 1e-4, name
        assert error.max().item() < 2e-2, name


@pytest.mark.parametrize(("n", "scale", "width", "height"), SCENES)
@pytest.mark.parametrize("seed", [0, 1])
def test_numba_gradients_are_those_of_the_reference(n, scale, width, height, seed):
    setup = random_setup(n, seed=seed, scale=scale, width=width, height=height)
    fast = gradients(setup.to(torch.float32), width, height, "numba")
    exact = gradients(setup.to(torch.float64), width, height, "torch")
    for name, gradient in exact.items():
        # Below a pixel only the filter is seen: it has no scales and no rotation.
        assert float(gradient.norm()) > 0 or (scale < 0.01 and name == "scales"), name
        assert float((fast[name] - gradient).norm()) <= 1e-3 * float(gradient.norm()), name


def tiny_setup() -> Setup:
    setup = random_setup(3, seed=3, scale=0.5, width=5, height=4)
    return replace(setup, opacities=torch.tensor([0.7, 0.5, 0.85]))


def test_reference_gradients_are_derivatives():
    setup = tiny_setup().to(torch.float64)
    # The rest of K is fixed by what a pinhole is: its entries are checked, not differentiated.
    intrinsics = torch.stack([setup.K[0, 0], setup.K[0, 1], setup.K[0, 2], setup.K[1, 1]])

    def images(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        *surfels, k, T = values
        zero, one = torch.zeros_like(k[0]), torch.ones_like(k[0])
        rows = [k[0], k[1], k[2], zero, k[3], setup.K[1, 2].detach(), zero, zero, one]
        K = torch.stack(rows).reshape(3, 3)
        out = rasterize_surfels(*surfels, K=K, T_camera_world=T, width=5, height=4, backend="torch")
        return out.features, out.alpha, out.depth, out.normal

    values = [getattr(setup, f.name) for f in fields(setup)]
    values[5] = intrinsics.detach().requires_grad_()
    assert torch.autograd.gradcheck(images, values, eps=1e-7, atol=1e-4, rtol=1e-4)


def test_numba_gradients_are_derivatives():
    """Differences of the compiled picture itself, not by way of the reference.

    The scene keeps every surfel clear of the thresholds where a picture jumps.
    """
    setup = tiny_setup().to(torch.float32)
    gradient = gradients(setup, 5, 4, "numba")
    for name in ("means", "rotations", "scales", "opacities", "features", "T_camera_world"):
        value = getattr(setup, name).detach()
        measured = torch.zeros(value.numel(), dtype=torch.float64)
        for k in range(value.numel()):
            step = torch.zeros(value.numel())
            step[k] = 2e-3
            with torch.no_grad():
                ahead, back = (
                    smooth_loss(replace(setup, **{name: moved}).draw(5, 4, "numba")).item()
                    for moved in (value + step.view_as(value), value - step.view_as(value))
                )
            measured[k] = (ahead - back) / 4e-3
        predicted = gradient[name].flatten()
        assert np.corrcoef(measured, predicted)[0, 1] > 0.9999, name
        assert float((measured - predicted).norm() / predicted.norm()) < 0.01, name


def one_surfel(**changes: torch.Tensor) -> Setup:
    setup = Setup(
        means=torch.tensor([[0.0, 0.0, 2.0]]),
        rotations=torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        scales=torch.tensor([[0.3, 0.3]]),
        opacities=torch.tensor([0.9]),
        features=torch.tensor([[1.0, 0.5, 0.25]]),
        K=torch.tensor([[30.0, 0.0, 16.0], [0.0, 30.0, 12.0], [0.0, 0.0, 1.0]]),
        T_camera_world=torch.eye(4),
    )
    return replace(setup, **changes)


def test_depth_is_where_the_ray_meets_the_plane():
    half = math.radians(40) / 2
    tilted = torch.tensor([[math.cos(half), 0.0, math.sin(half), 0.0]])
    setup = one_surfel(rotations=tilted)
    out = setup.draw(32, 24, "numba")
    x, y = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(24) + 0.5, indexing="xy")
    rays = torch.stack([(x - 16) / 30, (y - 12) / 30, torch.ones_like(x)], -1)
    normal = torch.tensor([math.sin(2 * half), 0.0, math.cos(2 * half)])
    plane = (normal[2] * 2.0) / (rays @ normal)
    seen = out.alpha > 0.3
    assert seen.sum() > 40
    torch.testing.assert_close((out.depth / out.alpha)[seen], plane[seen], atol=1e-4, rtol=0)
    assert float(plane[seen].max() - plane[seen].min()) > 0.2


@pytest.mark.parametrize("flip", [False, True])
def test_normals_face_the_camera(flip):
    q = torch.tensor([[0.0, 1.0, 0.0, 0.0]]) if flip else torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    out = one_surfel(rotations=q).draw(32, 24, "numba")
    centre = out.normal[12, 16] / out.alpha[12, 16]
    torch.testing.assert_close(centre, torch.tensor([0.0, 0.0, -1.0]), atol=1e-5, rtol=0)


def test_pixel_centres_are_at_halves():
    out = one_surfel(scales=torch.tensor([[0.05, 0.05]])).draw(32, 24, "numba")
    around = out.alpha[11:13, 15:17]  # the principal point lies between these four
    torch.testing.assert_close(around, around[0, 0].expand(2, 2))
    assert float(around[0, 0]) == pytest.approx(float(out.alpha.max()))


def test_nearer_surfels_hide_farther_ones():
    setup = one_surfel(
        means=torch.tensor([[0.0, 0.0, 3.0], [0.0, 0.0, 2.0]]),
        rotations=torch.tensor([[1.0, 0.0, 0.0, 0.0]] * 2),
        scales=torch.full((2, 2), 1.0),
        opacities=torch.tensor([0.9, 0.9]),
        features=torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
    )
    far, near = setup.draw(32, 24, "numba").features[12, 16].tolist()
    assert near == pytest.approx(0.9, abs=0.01)
    assert far == pytest.approx(0.09, abs=0.01)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_order_of_surfels_does_not_matter(backend):
    setup = random_setup(80, seed=5, scale=0.1, width=37, height=29)
    order = torch.randperm(80, generator=torch.Generator().manual_seed(1))
    names = ("means", "rotations", "scales", "opacities", "features")
    shuffled = replace(setup, **{name: getattr(setup, name)[order] for name in names})
    one, other = setup.draw(37, 29, backend), shuffled.draw(37, 29, backend)
    for name in IMAGES:
        torch.testing.assert_close(getattr(one, name), getattr(other, name), atol=1e-6, rtol=1e-6)


def test_pictures_and_gradients_repeat_to_the_bit():
    setup = random_setup(200, seed=2, scale=0.1, width=50, height=50)
    first, second = (gradients(setup.to(torch.float32), 50, 50, "numba") for _ in range(2))
    for name in first:
        assert torch.equal(first[name], second[name]), name


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_no_surfels_give_an_empty_picture(backend):
    setup = random_setup(0, seed=0, scale=0.1, width=20, height=10).to(torch.float32)
    out = setup.draw(20, 10, backend)
    assert out.features.shape == (10, 20, 3)
    assert out.normal.shape == (10, 20, 3)
    assert all(float(getattr(out, name).abs().sum()) == 0 for name in IMAGES)
    smooth_loss(out).backward()
    assert setup.means.grad is None or setup.means.grad.shape == (0, 3)


surfel = st.fixed_dictionaries(
    {
        "mean": st.tuples(*[st.floats(-3, 3, width=32)] * 3),
        "rotation": st.sampled_from(
            [
                (1, 0, 0, 0),
                (0.7071068, 0.7071068, 0, 0),
                (0.7071068, 0, 0.7071068, 0),
                (0.7071, 0.7071, 1e-5, 0),
                (0.5, 0.5, 0.5, 0.5),
                (0.9, 0.1, -0.3, 0.2),
            ]
        ),
        "scale": st.tuples(*[st.sampled_from([0.0, 1e-12, 1e-4, 0.05, 0.7, 40.0])] * 2),
        "opacity": st.sampled_from([0.0, 1e-3, 1 / 255, 0.3, 0.99, 1.0]),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(surfel, min_size=1, max_size=6))
def test_degenerate_surfels_neither_break_nor_differ(surfels):
    """Edge-on, behind the camera, around it, huge, vanishing, transparent."""
    setup = Setup(
        means=torch.tensor([s["mean"] for s in surfels]),
        rotations=torch.tensor([s["rotation"] for s in surfels]),
        scales=torch.tensor([s["scale"] for s in surfels]),
        opacities=torch.tensor([s["opacity"] for s in surfels]),
        features=torch.ones(len(surfels), 1),
        K=torch.tensor([[20.0, 0.0, 10.0], [0.0, 20.0, 7.0], [0.0, 0.0, 1.0]]),
        T_camera_world=torch.eye(4),
    )
    numba = setup.to(torch.float32)
    out = numba.draw(21, 14, "numba")
    exact = setup.to(torch.float64).draw(21, 14, "torch")
    assert all(torch.isfinite(getattr(out, name)).all() for name in IMAGES)
    assert 0 <= float(out.alpha.min()) <= float(out.alpha.max()) <= 1
    # An edge-on plane meets rays at any depth, which rounding decides; a few pixels may differ.
    error = (out.alpha.double() - exact.alpha).abs()
    assert float((error > 1e-3).double().mean()) < 0.05
    smooth_loss(out).backward()
    for f in fields(numba):
        assert torch.isfinite(getattr(numba, f.name).grad).all(), f.name


@pytest.mark.parametrize("name", ["means", "rotations", "scales", "opacities", "features"])
def test_a_value_that_is_no_number_is_named(name):
    setup = one_surfel()
    broken = getattr(setup, name).clone()
    broken.view(-1)[-1] = float("nan")
    with pytest.raises(InputError, match=rf"{name}: is not finite at index \(0"):
        replace(setup, **{name: broken}).draw(8, 8, "numba")


def test_wrong_shapes_and_intrinsics_are_refused():
    with pytest.raises(InputError, match="scales: has shape"):
        one_surfel(scales=torch.ones(1, 3)).draw(8, 8, "numba")
    with pytest.raises(InputError, match="K: is no pinhole"):
        one_surfel(K=torch.zeros(3, 3)).draw(8, 8, "numba")
    with pytest.raises(InputError, match="0×8 is not positive"):
        one_surfel().draw(0, 8, "numba")


def test_double_precision_comes_back_as_double():
    out = one_surfel().to(torch.float64).draw(16, 8, "auto")
    assert out.features.dtype == torch.float64
    assert out.features.shape == (8, 16, 3)


def test_warm_up_says_what_it_does():
    told: list[tuple[str, float, str]] = []
    warm_up(lambda stage, fraction, message="", **_: told.append((stage, fraction, message)))
    assert [fraction for _, fraction, _ in told] == [0.0, 0.5, 1.0]
    assert all(stage == "rasterizer" and message for stage, _, message in told)


def test_composited_planes_give_the_depth_of_smooth_surfaces():
    """What the CUDA path sends through gsplat, drawn by the reference instead."""
    setup = random_setup(60, seed=4, scale=0.08, width=40, height=32)
    surfels = to_camera(setup.means, setup.rotations, setup.scales, setup.T_camera_world)
    planes = depth_planes(surfels, setup.K, 40, 32)
    carried = replace(setup, features=padded(planes)).draw(40, 32, "torch")
    assert carried.features.shape[2] == 4
    depth = depth_from_planes(carried.features[..., :3])
    flat = replace(setup, features=surfels.centers[:, 2:]).draw(40, 32, "torch").features[..., 0]
    exact = carried.depth
    by_planes, by_centres = (float((d - exact).abs().mean()) for d in (depth, flat))
    assert by_planes < 0.35 * by_centres


def test_gsplat_is_asked_for_clearly():
    try:
        import gsplat  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match=r"reel2sim\[gpu\]"):
            one_surfel().draw(8, 8, "gsplat")
    else:
        with pytest.raises(InputError, match="CUDA"):
            one_surfel().draw(8, 8, "gsplat")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize(("n", "scale", "width", "height"), SCENES[:2])
def test_gsplat_draws_what_the_reference_draws(n, scale, width, height):
    pytest.importorskip("gsplat")
    setup = random_setup(n, seed=0, scale=scale, width=width, height=height)
    K = setup.K.clone()
    K[0, 1] = 0
    setup = replace(setup, K=K)
    exact = setup.to(torch.float64).draw(width, height, "torch")
    on_gpu = Setup(*(getattr(setup, f.name).cuda().requires_grad_() for f in fields(setup)))
    fast = on_gpu.draw(width, height, "gsplat")
    for name in ("features", "alpha", "normal"):
        error = (getattr(fast, name).cpu().double() - getattr(exact, name)).abs()
        assert float(torch.quantile(error, 0.99)) < 2e-2, name
    fast.features.sum().backward()
    for name in ("means", "rotations", "scales", "opacities", "features"):
        assert torch.isfinite(getattr(on_gpu, name).grad).all(), name

"""Laws of drawing for several cameras at once, and of the images drawn only when asked for."""

import math
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.reconstruction.rasterize import RasterOutput, gsplat_backend, rasterize_surfels
from reel2sim.reconstruction.rasterize.checks import checked_scene
from reel2sim.reconstruction.rasterize.model import ALPHA_MIN
from reel2sim.scene.errors import InputError

IMAGES = ("features", "alpha", "depth", "normal", "median_depth", "distortion")
EXTRAS = ("median_depth", "distortion")
SURFELS = ("means", "rotations", "scales", "opacities", "features")
WIDTH, HEIGHT = 43, 29

Arguments = dict[str, torch.Tensor]


def turned(angle: torch.Tensor) -> torch.Tensor:
    x, y, z = angle
    return torch.linalg.matrix_exp(torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]]))


def arguments(
    n: int, *, cameras: int, seed: int = 0, scale: float = 0.12, dtype: torch.dtype = torch.float32
) -> Arguments:
    """Surfels in front of several cameras, each with its own lens and its own colours."""
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g)

    T, K = torch.eye(4).repeat(cameras, 1, 1), torch.eye(3).repeat(cameras, 1, 1)
    for k in range(cameras):
        T[k, :3, :3] = turned(0.3 * normal(3))
        T[k, :3, 3] = torch.tensor([0.1, -0.2, 3.0]) + 0.1 * normal(3)
        K[k, 0] = torch.tensor([(1.2 + 0.1 * k) * WIDTH, 0.3, 0.52 * WIDTH])
        K[k, 1] = torch.tensor([0.0, (1.1 + 0.1 * k) * WIDTH, 0.47 * HEIGHT])
    values = {
        "means": 0.5 * normal(n, 3),
        "rotations": normal(n, 4),
        "scales": scale * torch.exp(0.5 * normal(n, 2)),
        "opacities": torch.sigmoid(1.5 * normal(n)),
        "features": normal(cameras, n, 4),
        "K": K,
        "T_camera_world": T,
    }
    return {name: value.to(dtype).requires_grad_() for name, value in values.items()}


def draw(args: Arguments, backend: str = "numba", extras: tuple = EXTRAS) -> RasterOutput:
    return rasterize_surfels(**args, width=WIDTH, height=HEIGHT, extras=extras, backend=backend)


def of_camera(args: Arguments, k: int) -> Arguments:
    shared = {name: args[name] for name in SURFELS[:4]}
    return {**shared, **{name: args[name][k] for name in ("features", "K", "T_camera_world")}}


def smooth_loss(out: RasterOutput) -> torch.Tensor:
    total = torch.zeros((), dtype=out.alpha.dtype)
    for k, name in enumerate(IMAGES):
        image = getattr(out, name)
        if image is not None and name != "median_depth":
            phase = torch.arange(image.numel(), dtype=image.dtype).view(image.shape)
            total = total + (image * torch.sin(0.05 * phase + k)).sum()
    return total


def gradients(args: Arguments, loss: Callable[[Arguments], torch.Tensor]) -> Arguments:
    names = list(args)
    return dict(zip(names, torch.autograd.grad(loss(args), list(args.values())), strict=True))


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_a_batch_is_a_loop(backend):
    args = arguments(60, cameras=3)
    together = draw(args, backend)
    apart = [draw(of_camera(args, k), backend) for k in range(3)]
    for name in IMAGES:
        one_by_one = torch.stack([getattr(out, name) for out in apart])
        assert torch.equal(getattr(together, name), one_by_one), name


def test_gradients_of_a_batch_are_sums_over_its_cameras():
    args = arguments(60, cameras=3)
    together = gradients(args, lambda a: sum(smooth_loss(out) for out in cameras_of(draw(a))))
    apart = gradients(args, lambda a: sum(smooth_loss(draw(of_camera(a, k))) for k in range(3)))
    for name, gradient in apart.items():
        torch.testing.assert_close(together[name], gradient, rtol=1e-4, atol=1e-4, msg=name)


def cameras_of(out: RasterOutput) -> list[RasterOutput]:
    return [
        RasterOutput(*(getattr(out, name)[k] for name in IMAGES)) for k in range(len(out.alpha))
    ]


@pytest.mark.parametrize("single", ["K", "T_camera_world", "features"])
def test_what_is_given_once_holds_for_all_cameras(single):
    args = arguments(30, cameras=2)
    given_once = {**args, single: args[single][0].detach().requires_grad_()}
    repeated = {**args, single: torch.stack([args[single][0]] * 2).detach().requires_grad_()}
    out, expected = draw(given_once), draw(repeated)
    for name in IMAGES:
        assert torch.equal(getattr(out, name), getattr(expected, name)), name
    one = gradients(given_once, lambda a: smooth_loss(draw(a)))[single]
    each = gradients(repeated, lambda a: smooth_loss(draw(a)))[single]
    torch.testing.assert_close(one, each.sum(0), rtol=1e-5, atol=1e-5)


def test_a_batch_of_one_is_one_camera():
    args = arguments(30, cameras=1)
    batch, single = draw(args), draw(of_camera(args, 0))
    assert batch.features.shape == (1, HEIGHT, WIDTH, 4)
    assert single.features.shape == (HEIGHT, WIDTH, 4)
    for name in IMAGES:
        assert torch.equal(getattr(batch, name)[0], getattr(single, name)), name


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("scale", [0.3, 0.05])
def test_extras_are_those_of_the_reference(seed, scale):
    fast = draw(arguments(70, cameras=2, seed=seed, scale=scale))
    exact = draw(arguments(70, cameras=2, seed=seed, scale=scale, dtype=torch.float64), "torch")
    assert exact.distortion.max() > 0.01
    error = (fast.distortion.double() - exact.distortion).abs()
    assert float(torch.quantile(error, 0.999)) < 1e-4
    # Where two surfels take about the same light, rounding chooses between their depths.
    error = (fast.median_depth.double() - exact.median_depth).abs()
    assert float((error > 1e-4).double().mean()) < 0.005
    assert 0.03 < float((exact.median_depth > 0).double().mean()) < 1.0


@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_with_distortion_are_those_of_the_reference(seed):
    fast, exact = (
        gradients(
            arguments(70, cameras=2, seed=seed, dtype=dtype),
            lambda a, backend=backend: smooth_loss(draw(a, backend)),
        )
        for dtype, backend in ((torch.float32, "numba"), (torch.float64, "torch"))
    )
    for name, gradient in exact.items():
        error = float((fast[name].double() - gradient).norm())
        assert error <= 1e-3 * float(gradient.norm()), name


def test_distortion_alone_has_the_gradients_of_the_reference():
    fast, exact = (
        gradients(
            arguments(50, cameras=1, seed=3, scale=0.3, dtype=dtype),
            lambda a, backend=backend: (
                draw(a, backend).distortion.sum() + 0.0 * a["features"].sum()
            ),
        )
        for dtype, backend in ((torch.float32, "numba"), (torch.float64, "torch"))
    )
    for name, gradient in exact.items():
        error = float((fast[name].double() - gradient).norm())
        assert error <= 1e-3 * float(gradient.norm()), name


def test_distortion_of_the_reference_has_its_derivative():
    """With the intrinsics and the pose among what is differentiated."""
    args = arguments(3, cameras=1, seed=5, scale=0.6, dtype=torch.float64)
    args["opacities"] = torch.tensor([0.7, 0.5, 0.8], dtype=torch.float64, requires_grad=True)
    K = args.pop("K").detach()
    free = torch.stack([K[0, 0, 0], K[0, 0, 1], K[0, 0, 2], K[0, 1, 1], K[0, 1, 2]])
    names = list(args)

    def distortion(free: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        zero, one = free.new_zeros(()), free.new_ones(())
        rows = [free[0], free[1], free[2], zero, free[3], free[4], zero, zero, one]
        return rasterize_surfels(
            **dict(zip(names, values, strict=True)),
            K=torch.stack(rows).reshape(1, 3, 3),
            width=6,
            height=4,
            extras=("distortion",),
            backend="torch",
        ).distortion

    free = (free / 7.0).requires_grad_()  # the picture is that much smaller
    assert float(distortion(free, *args.values()).max()) > 1e-3
    assert torch.autograd.gradcheck(
        distortion, (free, *args.values()), eps=1e-7, atol=1e-5, rtol=1e-4
    )


def plates(*depths: float, opacity: float = 0.6) -> Arguments:
    """Wide surfels that face the camera, one behind the other."""
    n = len(depths)
    return {
        "means": torch.tensor([[0.0, 0.0, z] for z in depths], requires_grad=True),
        "rotations": torch.tensor([[1.0, 0.0, 0.0, 0.0]] * n, requires_grad=True),
        "scales": torch.full((n, 2), 50.0, requires_grad=True),
        "opacities": torch.full((n,), opacity, requires_grad=True),
        "features": torch.ones(n, 1, requires_grad=True),
        "K": torch.tensor([[40.0, 0, 21.5], [0, 40.0, 14.5], [0, 0, 1]], requires_grad=True),
        "T_camera_world": torch.eye(4, requires_grad=True),
    }


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_distortion_of_plates_is_the_formula(backend):
    out = draw(plates(2.0, 2.5, 4.0), backend)
    w = [0.6, 0.6 * 0.4, 0.6 * 0.16]
    z = [2.0, 2.5, 4.0]
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = sum(w[i] * w[j] * (z[i] - z[j]) ** 2 for i, j in pairs)
    assert float(out.distortion[14, 21]) == pytest.approx(expected, rel=1e-3)
    assert float(draw(plates(3.0), backend).distortion[14, 21]) == pytest.approx(0.0, abs=1e-7)


def test_far_away_distortion_keeps_its_digits():
    """A spread of a centimetre at a hundred metres, which float32 squares of depth would lose."""
    out = draw(plates(100.0, 100.01, opacity=0.5))
    expected = 0.5 * 0.25 * 0.01**2
    assert float(out.distortion[14, 21]) == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_median_is_where_half_the_light_is_gone(backend):
    assert float(draw(plates(2.0, 3.0), backend).median_depth[14, 21]) == pytest.approx(2.0)
    args = plates(2.0, 3.0, 4.0, opacity=0.35)  # light after each: 0.65, 0.42, 0.27
    out = draw(args, backend)
    assert float(out.median_depth[14, 21]) == pytest.approx(3.0)
    assert not out.median_depth.requires_grad
    assert float(draw(plates(2.0, opacity=0.4), backend).median_depth.max()) == 0.0


def test_extras_are_absent_unless_asked_for_and_change_nothing_else():
    args = arguments(40, cameras=2)
    bare, full = draw(args, extras=()), draw(args)
    assert bare.median_depth is None
    assert bare.distortion is None
    for name in IMAGES[:4]:
        assert torch.equal(getattr(bare, name), getattr(full, name)), name
    with pytest.raises(InputError, match="known are median_depth, distortion"):
        draw(args, extras=("depths",))


_THREADED = """
import sys, numba, torch
sys.path.insert(0, {folder!r})
import {module} as t
args = t.arguments(3000, cameras=2, scale=0.03)
for threads in (1, 2):
    numba.set_num_threads(threads)
    out = t.draw(args)
    g = t.gradients(args, lambda a: t.smooth_loss(t.draw(a)))
    values = [getattr(out, name).detach() for name in t.IMAGES] + list(g.values())
    torch.save(values, f"{{sys.argv[1]}}/{{threads}}.pt")
"""


def test_results_do_not_depend_on_the_number_of_threads(tmp_path):
    """In a process of its own, since this one may have been started with a single thread."""
    folder, module = os.path.split(__file__)
    code = _THREADED.format(folder=folder, module=module.removesuffix(".py"))
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    one_thread, two_threads = (torch.load(tmp_path / f"{threads}.pt") for threads in (1, 2))
    assert len(one_thread) == len(IMAGES) + len(SURFELS) + 2
    for one, two in zip(one_thread, two_threads, strict=True):
        assert torch.equal(one, two)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from([*SURFELS, "K", "T_camera_world"]),
    bad=st.sampled_from([math.nan, math.inf, -math.inf]),
    where=st.floats(0, 0.999),
    backend=st.sampled_from(["numba", "torch"]),
)
def test_what_is_no_number_is_refused_by_name_and_index(name, bad, where, backend):
    args = arguments(7, cameras=2)
    broken = args[name].detach().clone()
    index = int(where * broken.numel())
    broken.view(-1)[index] = bad
    place = tuple(int(i) for i in np.unravel_index(index, broken.shape))
    with pytest.raises(InputError) as refused:
        draw({**args, name: broken}, backend)
    assert refused.value.source == f"surfel {name}"
    assert f"index {place}" in refused.value.message


def test_cameras_that_disagree_are_refused():
    args = arguments(5, cameras=2)
    with pytest.raises(InputError, match="K 3"):
        draw({**args, "K": torch.eye(3).repeat(3, 1, 1)})
    with pytest.raises(InputError, match="camera 1: is no pinhole"):
        draw({**args, "K": torch.stack([args["K"][0], torch.zeros(3, 3)])})
    with pytest.raises(InputError, match="features: has shape"):
        draw({**args, "features": torch.ones(2, 4, 3)})


@pytest.mark.parametrize("opacity", [0.02, 0.1, 0.8])
def test_the_gradient_of_a_faint_surfel_is_short_by_its_invisible_rim(opacity):
    """A surfel ends where it is fainter than ALPHA_MIN, and that edge moves with its opacity.

    What it covers is ``2π σ² (opacity − ALPHA_MIN)``. The gradient sees what lies within the edge
    but not the edge move, and is too small by the share ``ALPHA_MIN / opacity``: of the right sign
    always, and near enough to right where a surfel can be seen.
    """
    args = plates(2.0, opacity=opacity)
    args["scales"] = torch.full((1, 2), 0.2, requires_grad=True)  # 4 pixels
    alpha = draw(args, extras=()).alpha.sum()
    area = 2 * math.pi * 4.0**2
    assert float(alpha) == pytest.approx(area * (opacity - ALPHA_MIN), rel=0.03)
    (gradient,) = torch.autograd.grad(alpha, args["opacities"])
    assert float(gradient) == pytest.approx(area * (1 - ALPHA_MIN / opacity), rel=0.03)


def stand_in(**given: object) -> tuple:
    """Composites channels as gsplat does, by way of the reference; for what needs no CUDA."""
    names = {"means": "means", "quats": "rotations", "opacities": "opacities", "colors": "features"}
    args = {ours: given[theirs] for theirs, ours in names.items()}
    out = rasterize_surfels(
        **args,
        scales=given["scales"][:, :2],
        K=given["Ks"],
        T_camera_world=given["viewmats"],
        width=given["width"],
        height=given["height"],
        extras=("median_depth",),
        backend="torch",
    )
    return out.features, out.alpha[..., None], None, None, None, out.median_depth[..., None], {}


def test_depth_and_distortion_travel_through_gsplat_as_channels():
    """All but gsplat's own kernel: planes and their squares, drawn here by the reference."""
    args = arguments(60, cameras=2, scale=0.08, dtype=torch.float64)
    scene = checked_scene(**args, width=WIDTH, height=HEIGHT, extras=EXTRAS)
    channels, _ = gsplat_backend.camera_channels(scene)
    assert channels.shape == (2, 60, 32)  # 4 + 3 + 3 + 6 + the depth, up to a power of two
    out, exact = gsplat_backend.composited(scene, stand_in), draw(args, "torch")
    for name in ("features", "alpha", "normal"):
        torch.testing.assert_close(getattr(out, name), getattr(exact, name), atol=1e-9, rtol=0)
    assert float((out.depth - exact.depth).abs().mean()) < 0.01
    gap = float((out.distortion - exact.distortion).abs().mean())
    assert gap < 0.1 * float(exact.distortion.mean())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_gsplat_draws_batches_and_extras_like_the_reference():
    pytest.importorskip("gsplat")
    args = arguments(150, cameras=3, scale=0.08, dtype=torch.float64)
    with torch.no_grad():
        args["K"][:, 0, 1] = 0.0
    exact = draw(args, "torch")
    on_gpu = {k: v.detach().float().cuda().requires_grad_() for k, v in args.items()}
    fast = draw(on_gpu, "gsplat")
    for name in ("features", "alpha", "normal"):
        error = (getattr(fast, name).cpu().double() - getattr(exact, name)).abs()
        assert float(torch.quantile(error, 0.99)) < 2e-2, name
    assert float((fast.depth.cpu() - exact.depth).abs().mean()) < 0.02
    gap = float((fast.distortion.cpu() - exact.distortion).abs().mean())
    assert gap < 0.15 * float(exact.distortion.mean())
    both = (fast.median_depth.cpu() > 0) & (exact.median_depth > 0)
    error = (fast.median_depth.cpu() - exact.median_depth).abs()[both]
    assert float(torch.quantile(error, 0.95)) < 0.25  # the extent of a surfel, three deviations
    smooth_loss(RasterOutput(*(getattr(fast, name).cpu() for name in IMAGES))).backward()
    for name in SURFELS:
        assert torch.isfinite(on_gpu[name].grad).all(), name

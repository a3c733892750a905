"""Surfels for surfaces that time zero hides: found on the right body, added behind the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from reel2sim.reconstruction.bounds import object_sphere
from reel2sim.reconstruction.reveal import MOST_BODIES, reveal_hidden
from reel2sim.reconstruction.surface import normals_to_quaternions
from reel2sim.reconstruction.training import Clock, MovingSurfels
from reel2sim.reconstruction.views import View, load_views
from reel2sim.reconstruction.volume import Volume, carve
from reel2sim.scene import Reel, look_at
from reel2sim.scene.spline import bspline_basis

from .conftest import BODY, DRAWER, _texture, make_reel, shot
from .moving_ball import KNOTS, TIMES, UNIT, ball, free, make_clock, make_film, unbound

_OPEN_M = 0.45
_STEP_M = 0.022


def _opening(instants: int) -> np.ndarray:
    """Metres the drawer is out at each instant: shut, then more and more open."""
    return np.concatenate([[0.0], np.linspace(0.25, 1, instants - 1) * _OPEN_M])


def _filmed(instants: int = 9, px: int = 112) -> Reel:
    """Still views of the shut chest, then one camera that goes around its side as it opens."""
    frames = [f for f in make_reel(px=px, views=12, instants=2).frames if f.stream == "static"]
    target, still = np.array([0.0, -0.05, 0.2]), {"scale": 1.0, "shift": np.zeros(3)}
    for i, out in enumerate(_opening(instants)[1:], 1):
        azimuth = 0.33 + 0.12 * i
        eye = target + 1.6 * np.array([np.sin(azimuth), -np.cos(azimuth), 0.35])
        camera = look_at(eye, target, width=px, height=px, fov_y=0.6)
        frames.append(shot(camera, 0.1 * i, opening=out, stream="side", **still))
    return Reel(tuple(frames), "chest")


def _outside(box: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals on the faces of a box."""
    points, normals = [], []
    for axis in range(3):
        u, v = (a for a in range(3) if a != axis)
        grid = [np.arange(box[0][a] + _STEP_M / 2, box[1][a], _STEP_M) for a in (u, v)]
        a, b = (g.ravel() for g in np.meshgrid(*grid))
        for side in range(2):
            p, n = np.zeros((len(a), 3)), np.zeros((len(a), 3))
            p[:, u], p[:, v], p[:, axis] = a, b, box[side][axis]
            n[:, axis] = 2 * side - 1
            points.append(p)
            normals.append(n)
    return np.concatenate(points), np.concatenate(normals)


def _model(reel: Reel, times: np.ndarray) -> tuple[MovingSurfels, Clock]:
    """What a perfect fit to the shut chest knows: its outside, and how the drawer moves."""
    sphere = object_sphere(reel)
    (p0, n0), (p1, n1) = _outside(BODY), _outside(DRAWER)
    front = p0[:, 1] == BODY[0][1]
    beside = [0, 2]
    within = (p0 > DRAWER[0])[:, beside].all(1) & (p0 < DRAWER[1])[:, beside].all(1)
    covered = front & within
    p0, n0 = p0[~covered], n0[~covered]
    back = p1[:, 1] == DRAWER[1][1]
    p1, n1 = p1[~back], n1[~back]
    n = len(p0) + len(p1)
    colors = np.concatenate([_texture(p0, (0.7, 0.3, 0.2)), _texture(p1, (0.2, 0.5, 0.75))])
    own = {
        "means": sphere.normalise(np.concatenate([p0, p1])),
        "rotations": normals_to_quaternions(np.concatenate([n0, n1])),
        "log_scales": np.full((n, 2), np.log(0.6 * _STEP_M / sphere.radius_m)),
        "opacity_logits": np.full(n, 4.0),
        "colors": colors,
        "bands": np.zeros((n, 3, 3)),
        "skin": np.where((np.arange(n) < len(p0))[:, None], [0, -9.0], [-9.0, 0]),
        "turn": np.zeros((n, 5, 3)),
        "stretch": np.zeros((n, 5, 2)),
    }
    basis = bspline_basis(times, start_s=0.0, stop_s=float(times[-1]), knots=len(times) + 2)
    way = np.linalg.lstsq(basis, -_opening(len(times)) / sphere.radius_m, rcond=None)[0]
    translations = np.zeros((basis.shape[1], 2, 3))
    translations[:, 1, 1] = way
    shared = {
        "translations": translations,
        "bone_rotations": np.tile([1.0, 0, 0, 0], (basis.shape[1], 2, 1)),
        "light": np.eye(9)[0],
        **unbound(basis.shape[1], 2),
    }
    as_tensors = ({a: torch.tensor(v).float() for a, v in d.items()} for d in (own, shared))
    clock = Clock.of(times, basis, knots=5, like=torch.zeros(1))
    return MovingSurfels(*as_tensors, torch.zeros(2, 3), free(2)), clock


@pytest.fixture(scope="module")
def opened():
    """The film, the model that lacks what the drawer hides, and the model with it."""
    reel = _filmed()
    sphere, volume = object_sphere(reel), carve(reel, resolution=56)
    views = load_views(reel, sphere=sphere, max_px=512, device=torch.device("cpu"))
    times = reel.times_s
    instants = [[v for v in views if v.time_s == t] for t in times]
    model, clock = _model(reel, times)

    def reveal(most: int) -> MovingSurfels:
        return reveal_hidden(
            model, clock, instants, times, volume=volume, sphere=sphere, most=most, seed=0,
            backend="numba",
        )  # fmt: skip

    return sphere, model, reveal(5000), reveal


def test_the_wall_behind_the_drawer_is_found_and_stays(opened) -> None:
    sphere, model, grown, _ = opened
    new = sphere.denormalise(grown.own["means"][len(model) :].double().numpy())
    assert len(new) > 60
    wall = np.abs(new[:, 1] - DRAWER[1][1]) < 0.01
    x, z = np.meshgrid(np.linspace(-0.12, 0.12, 8), np.linspace(0.13, 0.27, 8))
    hidden = np.stack([x.ravel(), np.full(64, -0.2), z.ravel()], 1)
    gap, _ = KDTree(new[wall]).query(hidden)
    assert (gap < 0.03).mean() > 0.5
    weights = torch.softmax(grown.own["skin"][len(model) :], 1).numpy()
    assert (weights[wall][:, 0] > 0.99).mean() > 0.9, "it is the body's"
    assert weights.max(axis=1).min() > 0.99, "each follows one body"


def test_what_was_there_stays_in_front_as_it_is(opened) -> None:
    _, model, grown, _ = opened
    count = len(grown) - len(model)
    for name, old in model.own.items():
        assert torch.equal(grown.own[name][: len(model)], old), name
        assert grown.own[name].shape[1:] == old.shape[1:]
    assert grown.shared is model.shared
    for name in ("bands", "turn", "stretch"):
        assert not grown.own[name][-count:].any()
    size = grown.own["log_scales"].exp()
    assert size.min() > 1e-3
    assert size.max() < 0.11
    assert (torch.sigmoid(grown.own["opacity_logits"][-count:]) > 0.5).all()


def test_only_so_many_are_added_and_the_surest_first(opened) -> None:
    _, model, grown, reveal = opened
    few = reveal(25)
    assert len(few) == len(model) + 25
    everyone = {tuple(p) for p in grown.own["means"][len(model) :].tolist()}
    assert {tuple(p) for p in few.own["means"][len(model) :].tolist()} <= everyone
    assert len(reveal(3)) == len(model), "a handful is not worth it"


def _revealed(model: MovingSurfels, film: list[list[View]]) -> MovingSurfels:
    volume = Volume(np.ones((20, 20, 20), bool), np.full(3, -0.65), 1.3 / 19)
    return reveal_hidden(
        model, make_clock(), film, TIMES, volume=volume, sphere=UNIT, most=500, seed=0,
        backend="numba",
    )  # fmt: skip


def test_a_model_that_explains_everything_gets_nothing() -> None:
    model = ball()
    assert _revealed(model, make_film(model, make_clock())) is model


@pytest.mark.parametrize("bones", [1, MOST_BODIES + 1])
def test_what_is_rigid_or_soft_hides_nothing(bones: int) -> None:
    whole, film = ball(), make_film(ball(), make_clock(), views=2)
    shared = {
        "translations": torch.zeros(KNOTS, bones, 3),
        "bone_rotations": torch.eye(4)[0].repeat(KNOTS, bones, 1),
        "light": whole.shared["light"],
        **{name: torch.as_tensor(v).float() for name, v in unbound(KNOTS, bones).items()},
    }
    own = {**whole.own, "skin": torch.zeros(len(whole), bones)}
    model = replace(whole, own=own, shared=shared, centers=torch.zeros(bones, 3), kinds=free(bones))
    assert _revealed(model, film) is model

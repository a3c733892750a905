"""Pictures without gradients: harmonics, background, depth, extra channels."""

import numpy as np
import pytest

from reel2sim.reconstruction.render import render, sh_colors
from reel2sim.scene import Camera, Surfels, look_at
from reel2sim.scene.errors import InputError


def camera() -> Camera:
    return look_at(np.array([0.0, -2.0, 0.0]), np.zeros(3), width=40, height=30, fov_y=0.7)


def card(sh: np.ndarray) -> Surfels:
    """One upright surfel that faces the camera."""
    q = np.array([[np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]])
    one = np.ones(1)
    return Surfels(np.zeros((1, 3)), q, np.full((1, 2), 0.15), 0.95 * one, sh, one)


def directions() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights that integrate polynomials on the sphere exactly."""
    z, weights = np.polynomial.legendre.leggauss(8)
    phi = np.arange(16) * 2 * np.pi / 16
    r = np.sqrt(1 - z**2)[:, None]
    nodes = np.stack([r * np.cos(phi), r * np.sin(phi), np.repeat(z[:, None], 16, 1)], -1)
    return nodes.reshape(-1, 3), np.repeat(weights, 16) * 2 * np.pi / 16


def test_harmonics_are_orthonormal():
    nodes, weights = directions()
    basis = []
    for k in range(16):
        sh = np.zeros((len(nodes), 16, 3))
        sh[:, k] = 0.2  # small, so that no colour is clipped
        basis.append((sh_colors(sh, nodes)[:, 0] - 0.5) / 0.2)
    gram = np.einsum("in,jn,n->ij", basis, basis, weights)
    np.testing.assert_allclose(gram, np.eye(16), atol=1e-6)


def test_harmonics_beyond_degree_three_are_refused():
    with pytest.raises(InputError, match="degree 3"):
        sh_colors(np.zeros((1, 25, 3)), np.array([[0.0, 0.0, 1.0]]))


def test_colour_depends_on_the_side_it_is_seen_from():
    sh = np.zeros((1, 4, 3))
    sh[0, 1, 0] = -0.8  # redder along +y, the way this camera looks
    red, green, _ = render(card(sh), camera()).rgb[15, 20]
    assert red > green + 0.2


def test_background_shows_where_nothing_is():
    sh = np.zeros((1, 1, 3))
    out = render(card(sh), camera(), background=(0.2, 0.4, 0.6))
    np.testing.assert_allclose(out.rgb[0, 0], [0.2, 0.4, 0.6], atol=1e-6)
    mixed = out.alpha[15, 20] * 0.5 + (1 - out.alpha[15, 20]) * np.array([0.2, 0.4, 0.6])
    np.testing.assert_allclose(out.rgb[15, 20], mixed, atol=1e-5)


def test_depth_is_in_metres_and_zero_off_the_object():
    out = render(card(np.zeros((1, 1, 3))), camera())
    assert out.depth[15, 20] == pytest.approx(2.0, abs=1e-4)
    assert out.depth[0, 0] == 0
    np.testing.assert_allclose(out.normal[15, 20] / out.alpha[15, 20], [0, -1, 0], atol=1e-4)
    assert out.rgb.dtype == out.depth.dtype == np.float32


def test_extra_channels_are_composited_over_zero():
    out = render(card(np.zeros((1, 1, 3))), camera(), features=np.array([[3.0, -2.0]]))
    assert out.features is not None
    expected = out.alpha[..., None] * np.array([3.0, -2.0])
    np.testing.assert_allclose(out.features, expected, atol=1e-5)
    with pytest.raises(InputError, match="features"):
        render(card(np.zeros((1, 1, 3))), camera(), features=np.zeros((2, 2)))

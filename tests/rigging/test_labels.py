"""Labels follow the pictures, neighbours, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.rigging.labels import prune, smooth_labels
from reel2sim.rigging.posed import SurfelModel
from reel2sim.scene import Surfels


@pytest.fixture(scope="module")
def sheet() -> SurfelModel:
    """A flat grid of 20 × 20 surfels."""
    x, y = np.meshgrid(np.arange(20) / 10, np.arange(20) / 10)
    means = np.stack([x.ravel(), y.ravel(), np.zeros(400)], axis=1)
    surfels = Surfels.from_colors(
        means=means,
        rotations=np.tile([1.0, 0, 0, 0], (400, 1)),
        scales=np.full((400, 2), 0.05),
        opacities=np.ones(400),
        colors=np.full((400, 3), 0.5),
    )
    return SurfelModel.of(surfels)


def halves(sheet: SurfelModel, *, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    truth = (sheet.points[:, 0] > 0.95).astype(int)
    cost = np.where(np.eye(2)[truth] > 0, 0.1, 0.4)
    return truth, cost + noise * np.random.default_rng(seed).standard_normal(cost.shape)


def test_without_smoothness_each_surfel_decides_alone(sheet: SurfelModel) -> None:
    _, cost = halves(sheet, noise=0.3)
    labels = smooth_labels(cost, sheet, smoothness=0.0)
    np.testing.assert_array_equal(labels, cost.argmin(axis=1))


def test_smoothness_repairs_noise(sheet: SurfelModel) -> None:
    truth, cost = halves(sheet, noise=0.25)
    alone = (smooth_labels(cost, sheet, smoothness=0.0) != truth).mean()
    together = (smooth_labels(cost, sheet, smoothness=0.15) != truth).mean()
    assert alone > 0.1
    assert together < alone / 4


def test_order_of_parts_does_not_matter(sheet: SurfelModel) -> None:
    _, cost = halves(sheet, noise=0.2)
    labels = smooth_labels(cost, sheet, smoothness=0.1)
    swapped = smooth_labels(cost[:, ::-1], sheet, smoothness=0.1)
    np.testing.assert_array_equal(labels, 1 - swapped)


def test_a_part_that_explains_nothing_new_is_dropped(sheet: SurfelModel) -> None:
    _, cost = halves(sheet, noise=0.05)
    twin = cost[:, 1:] + 1e-3
    alive, labels = prune(
        np.concatenate([cost, twin], axis=1),
        sheet,
        smoothness=0.05,
        evidence=1.5,
        evidence_share=0.03,
        misfit=np.zeros(3),
    )
    assert alive == [0, 1]
    assert set(labels) == {0, 1}


def test_a_joint_that_fits_badly_must_be_worth_more(sheet: SurfelModel) -> None:
    truth = (sheet.points[:, 0] > 1.75).astype(int)  # 40 surfels, gain of about 4
    cost = np.where(np.eye(2)[truth] > 0, 0.1, 0.2)
    kept = [
        prune(
            cost,
            sheet,
            smoothness=0.0,
            evidence=1.5,
            evidence_share=0.03,
            misfit=np.array([0.0, misfit]),
        )[0]
        for misfit in (0.1, 2.0)
    ]
    assert kept == [[0, 1], [0]]

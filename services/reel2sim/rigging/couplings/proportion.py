"""Whether one series of joint positions is a multiple of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from reel2sim.scene.arrays import Array

LEAST_INSTANTS = 8
"""Fewer instants tell nothing."""
_FLOOR = 0.015
"""Least standard deviation of a position, as a share of its range. Errors of a joint's axis bend
the whole series; they are smooth, so that differences in time do not show them."""
_GAIN = 0.02
"""Standard deviation of the scale of a series, for the same reason."""
_HYSTERESIS = 0.1
"""Share of the range that a motion must go back before it counts as a new stroke."""


@dataclass(frozen=True)
class Proportion:
    """How two series of positions compare: ``y = multiplier * x``.

    Attributes:
        multiplier: of total least squares.
        sigma: standard deviation of its logarithm.
        log_odds: of one line against a trajectory of its own, ln of the Bayes factor by BIC.
        strokes: number of monotone strokes of the motion they share.
    """

    multiplier: float
    sigma: float
    log_odds: float
    strokes: int


def proportion(times_s: Array, x: Array, y: Array) -> Proportion:
    """Compare ``y = m·x + c`` with a trajectory that ``y`` has for itself, by BIC (Schwarz 1978).

    The trajectory is the cubic spline of as many coefficients as BIC asks for. Errors of positions
    are correlated in time, so both explanations are judged by the effective number of samples,
    ``n·(1 − ρ)/(1 + ρ)`` with the residual's correlation ρ from one instant to the next.

    Args:
        times_s: ``(t,)``, ascending; at least :data:`LEAST_INSTANTS`.
        x: positions ``(t,)``, zero at first.
        y: positions ``(t,)``, zero at first.
    """
    sigma_x, sigma_y = position_noise(x), position_noise(y)
    # Positions are zero at first by definition, so that the error there shifts all others.
    x, y = x - x.mean(), y - y.mean()
    multiplier = _slope(x / sigma_x, y / sigma_y) * sigma_y / sigma_x
    sigma = float(np.hypot(sigma_y, multiplier * sigma_x))
    residual = y - multiplier * x
    own, coefficients = _own_trajectory(times_s, y, sigma)
    n = len(residual)
    rho = float(np.clip(_correlation(residual), 0.0, 0.99))
    effective = float(np.clip(n * (1 - rho) / (1 + rho), min(coefficients + 1, n), n))
    line = effective * np.mean(residual**2) / sigma**2 + 2 * np.log(effective)
    free = effective * np.mean(own**2) / sigma**2 + coefficients * np.log(effective)
    spread = sigma / np.sqrt(effective * np.mean(y**2))
    return Proportion(
        multiplier=float(multiplier),
        sigma=float(np.hypot(spread, np.sqrt(2) * _GAIN)),
        log_odds=float(free - line) / 2,
        strokes=min(strokes(x, sigma_x), strokes(y, sigma_y)),
    )


def position_noise(q: Array) -> float:
    """Standard deviation of positions ``(t,)``: from differences in time, but not below a floor.

    Differences of second order hold the motion's own acceleration too; those of higher order hold
    less of it, so the smallest answer of three orders is taken. Medians bear with jumps.
    """
    found = [_FLOOR * float(np.ptp(q))]
    orders = [k for k in (2, 3, 4) if len(q) > k + 2]
    if orders:
        # The k-th difference of white noise has the variance (2k)! / (k!)² of it.
        gains = {2: 6.0, 3: 20.0, 4: 70.0}
        each = [1.4826 * np.median(np.abs(np.diff(q, n=k))) / np.sqrt(gains[k]) for k in orders]
        found.append(float(min(each)))
    return max(*found, 1e-12)


def strokes(q: Array, sigma: float) -> int:
    """Number of monotone strokes of ``q`` ``(t,)``, each longer than noise and hysteresis."""
    least = max(_HYSTERESIS * float(np.ptp(q)), 5.0 * sigma, 1e-12)
    count, way, low, high = 0, 0, q[0], q[0]
    for value in q[1:]:
        if way > 0:
            high = max(high, value)
        elif way < 0:
            low = min(low, value)
        else:
            low, high = min(low, value), max(high, value)
        if way <= 0 and value - low >= least:
            count, way, high = count + 1, 1, value
        elif way >= 0 and high - value >= least:
            count, way, low = count + 1, -1, value
    return count


def _slope(x: Array, y: Array) -> float:
    """Slope of the line with equal errors in both coordinates, whose means are zero."""
    values, vectors = np.linalg.eigh(np.array([[x @ x, x @ y], [x @ y, y @ y]]))
    along = vectors[:, np.argmax(values)]
    return float(along[1] / (along[0] if abs(along[0]) > 1e-9 else 1e-9))


def _correlation(r: Array) -> float:
    total = float(r @ r)
    return float(r[1:] @ r[:-1]) / total if total > 0 else 0.0


def _own_trajectory(times_s: Array, y: Array, sigma: float) -> tuple[Array, int]:
    """Residual ``(n,)`` of the spline that BIC prefers, and its number of coefficients."""
    u = (times_s - times_s[0]) / (times_s[-1] - times_s[0])
    best, residual, chosen = np.inf, y, 1
    # Each count a fifth more than the one before: long clips need not try all.
    most = max(1, len(y) // 2 - 1)
    steps = np.geomspace(1, most, 2 + int(np.log(most) / np.log(1.2)))
    for count in sorted(set(steps.round().astype(int).tolist())):
        basis = _basis(u, count)
        left = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
        score = left @ left / sigma**2 + count * np.log(len(y))
        if score < best:
            best, residual, chosen = score, left, count
    return residual, chosen


def _basis(u: Array, count: int) -> Array:
    """B-splines ``(n, count)`` over 0..1, of degree 3 where there are enough of them."""
    degree = min(3, count - 1)
    inner = np.linspace(0.0, 1.0, count - degree + 1)
    knots = np.concatenate([np.zeros(degree), inner, np.ones(degree)])
    return np.asarray(BSpline.design_matrix(u, knots, degree).toarray())

"""What a state is beside the reference, compiled."""

from __future__ import annotations

import math

import numba

from reel2sim.envs.kernels import joint_columns
from reel2sim.envs.physics.link_tree import link_center


@numba.njit(cache=True)
def compare(
    x, k, driven, q_ref, qd_ref, centers_ref, units, size, sharpness, weights, homes, hinged,
    screws, starts, order, scale, bounds, ahead, report, out,
):  # fmt: skip
    """How well positions, velocities and links meet the reference, and what is observed of that.

    Args:
        x: positions of all joints, then their velocities ``(2n,)``.
        k: control step of the reference, which rests after its end.
        driven: joints that count ``(m,)``.
        q_ref: where all joints should be ``(k, n)``.
        qd_ref: their velocities there ``(k, n)``.
        centers_ref: where the links' centres of mass should be ``(k, l, 3)``, root's frame.
        units: of each position and each velocity ``(2, m)``.
        size: unit of length.
        sharpness: of the three terms ``(3,)``.
        weights: of the three terms ``(3,)``, which add up to 1.
        homes: this and the next four: see :class:`reel2sim.envs.physics.link_tree.LinkTree`.
        hinged: which joints turn.
        screws: of the joints.
        starts: of the links in ``order``.
        order: joints of the links.
        scale: see :func:`reel2sim.envs.kernels.joint_columns`, as for ``bounds``.
        bounds: of positions and velocities ``(2,)``.
        ahead: what is observed of the reference at each control step ``(k, c)``, float32.
        report: receives positions, those of the reference, and distances ``(3, m)``.
        out: receives the observation, but for the root; float32.

    Returns:
        The reward, its terms exp(−sharpness · error), the mean share of the ranges, and the links'
        mean distance in metres.
    """
    m, count, links, last = len(driven), len(x) // 2, len(homes), len(q_ref) - 1
    at = min(k, last)
    position = velocity = place = share = away = 0.0
    for n in range(m):
        i = driven[n]
        report[0, n], report[1, n] = x[i], q_ref[at, i]
        report[2, n] = abs(x[i] - q_ref[at, i])
        off = report[2, n] / units[0, n]
        rate = (x[count + i] - (qd_ref[at, i] if k <= last else 0.0)) / units[1, n]
        position += off * off
        velocity += rate * rate
        share += off
    for link in range(links):
        a, b, c = link_center(link, x, homes, hinged, screws, starts, order)
        a -= centers_ref[at, link, 0]
        b -= centers_ref[at, link, 1]
        c -= centers_ref[at, link, 2]
        square = a * a + b * b + c * c
        place += square
        away += math.sqrt(square)
    joint_columns(x, driven, scale, bounds, out, 0)
    row = min(k, len(ahead) - 1)
    for c in range(ahead.shape[1]):
        out[2 * m + c] = ahead[row, c]
    bodies = max(links, 1)
    by_position = math.exp(-sharpness[0] * position / m)
    by_velocity = math.exp(-sharpness[1] * velocity / m)
    by_link = math.exp(-sharpness[2] * place / bodies / size**2)
    total = weights[0] * by_position + weights[1] * by_velocity + weights[2] * by_link
    return min(total, 1.0), by_position, by_velocity, by_link, share / m, away / bodies

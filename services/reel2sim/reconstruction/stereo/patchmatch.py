"""Compiled search for depth and slant of every pixel: PatchMatch stereo over many pictures.

A pixel's hypothesis is a plane, kept as the inverse depth ``w`` at the pixel and its slope along
the columns and rows, since inverse depth is affine in the picture: ``1/z(p) = q · (x, y, 1)``. The
plane warps a window around the pixel into other pictures, where it is compared by normalised
cross-correlation. Good planes spread along rows and columns and are refined by random steps:
M. Bleyer, C. Rhemann, C. Rother, "PatchMatch Stereo" (BMVC 2011); S. Galliani, K. Lasinger,
K. Schindler, "Massively parallel multiview stereopsis by surface normal diffusion" (ICCV 2015).

Pictures are searched independently of each other with random numbers of their own, so results do
not depend on the number of threads.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

RADIUS = 4
"""Of a window, pixels; every second row and column of it is compared."""

_f = np.float32
_TAPS = (RADIUS + 1) ** 2
_SIGMA_COLOR = 0.25
_FLAT = 2e-4  # variance of grey at which a window counts as half textured
_STEEPEST = 0.12  # cosine between line of sight and normal
_FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(inline="always")
def _random(state):
    """Next number in 0..1 of ``state`` ``(1,)`` uint64 (xorshift)."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return float(x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(fastmath=_FAST, error_model="numpy", cache=True)
def _window(gray, mask, x, y, dx, dy, values, weights):
    """Fill a window's grey values less their mean, and weights; return weight sum and variance.

    Weights fall with distance and with difference in grey from the middle, and are 0 off the
    object.
    """
    h, w = gray.shape
    total, mean = 0.0, 0.0
    n = 0
    for j in range(-RADIUS, RADIUS + 1, 2):
        for i in range(-RADIUS, RADIUS + 1, 2):
            u, v = x + i, y + j
            dx[n], dy[n] = i, j
            values[n], weights[n] = 0.0, 0.0
            if u >= 0 and v >= 0 and u < w and v < h and mask[v, u] > 0.5:
                g = gray[v, u]
                weight = math.exp(
                    -abs(g - gray[y, x]) / _SIGMA_COLOR - (i * i + j * j) / (1.5 * RADIUS * RADIUS)
                )
                values[n], weights[n] = g, weight
                total += weight
                mean += weight * g
            n += 1
    mean /= total
    variance = 0.0
    for n in range(_TAPS):
        values[n] -= mean
        variance += weights[n] * values[n] * values[n]
    return total, variance / total


@njit(fastmath=_FAST, error_model="numpy", cache=True)
def _correlation(other, A, x, y, dx, dy, values, weights, total, variance):
    """Weighted cross-correlation −1..1 of a window with where ``A`` ``(3, 3)`` takes it."""
    h, w = other.shape
    px, py = x + 0.5, y + 0.5
    u0 = A[0, 0] * px + A[0, 1] * py + A[0, 2]
    v0 = A[1, 0] * px + A[1, 1] * py + A[1, 2]
    z0 = A[2, 0] * px + A[2, 1] * py + A[2, 2]
    if z0 <= 1e-9 or u0 < 0 or v0 < 0 or u0 > w * z0 or v0 > h * z0:
        return -1.0
    first, second, cross = 0.0, 0.0, 0.0
    for n in range(_TAPS):
        i, j = dx[n], dy[n]
        inv = 1.0 / max(z0 + A[2, 0] * i + A[2, 1] * j, 1e-9)
        u = (u0 + A[0, 0] * i + A[0, 1] * j) * inv - 0.5
        v = (v0 + A[1, 0] * i + A[1, 1] * j) * inv - 0.5
        u = min(max(u, 0.0), w - 1.001)
        v = min(max(v, 0.0), h - 1.001)
        left, top = int(u), int(v)
        a, b = _f(u - left), _f(v - top)
        upper = other[top, left] + a * (other[top, left + 1] - other[top, left])
        lower = other[top + 1, left] + a * (other[top + 1, left + 1] - other[top + 1, left])
        g = upper + b * (lower - upper)
        wg = weights[n] * g
        first += wg
        second += wg * g
        cross += wg * values[n]
    mean = first / total
    spread = max(second / total - mean * mean, 0.0)
    return cross / total / math.sqrt((variance + _FLAT) * (spread + _FLAT))


@njit(fastmath=_FAST, error_model="numpy", cache=True)
def _score(
    gray, ids, B, b, plane, x, y, dx, dy, values, weights, total, variance, A, found, kept, least
):
    """Mean correlation over the ``kept`` best of the other pictures: in others it may be hidden.

    Answers −1 early if none of the first half reaches ``least``.
    """
    q2 = plane[0] - plane[1] * (x + 0.5) - plane[2] * (y + 0.5)
    count = 0
    for k in range(ids.shape[0]):
        for r in range(3):
            A[r, 0] = B[k, r, 0] + b[k, r] * plane[1]
            A[r, 1] = B[k, r, 1] + b[k, r] * plane[2]
            A[r, 2] = B[k, r, 2] + b[k, r] * q2
        value = _correlation(gray[ids[k]], A, x, y, dx, dy, values, weights, total, variance)
        place = count
        while place > 0 and found[place - 1] < value:
            found[place] = found[place - 1]
            place -= 1
        found[place] = value
        count += 1
        if 2 * count >= ids.shape[0] and found[0] < least:
            return -1.0
    kept = min(kept, count)
    mean = 0.0
    for k in range(kept):
        mean += found[k]
    return mean / max(kept, 1)


@njit(inline="always")
def _allowed(plane, x, y, K, ray, low, high):
    """Whether a plane lies inside the pixel's span and is not seen edge-on."""
    w = plane[0]
    if not (w >= low and w <= high):
        return False
    q2 = w - plane[1] * (x + 0.5) - plane[2] * (y + 0.5)
    n0 = K[0, 0] * plane[1]
    n1 = K[0, 1] * plane[1] + K[1, 1] * plane[2]
    n2 = K[0, 2] * plane[1] + K[1, 2] * plane[2] + q2
    return w > _STEEPEST * math.sqrt((n0 * n0 + n1 * n1 + n2 * n2) * ray)


@njit(inline="always")
def _tilted(plane, w, x, y, K_inv, state):
    """Fill ``plane`` with inverse depth ``w`` and a random normal that faces the camera."""
    px, py = x + 0.5, y + 0.5
    rx = K_inv[0, 0] * px + K_inv[0, 1] * py + K_inv[0, 2]
    ry = K_inv[1, 1] * py + K_inv[1, 2]
    length = math.sqrt(rx * rx + ry * ry + 1.0)
    while True:
        n0, n1, n2 = 2 * _random(state) - 1, 2 * _random(state) - 1, 2 * _random(state) - 1
        size = math.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
        along = n0 * rx + n1 * ry + n2
        if size < 1.0 and along > 0.25 * size * length:
            break
    # q is K⁻ᵀ n over the plane's distance; q · (x, y, 1) must be w.
    m0 = K_inv[0, 0] * n0
    m1 = K_inv[0, 1] * n0 + K_inv[1, 1] * n1
    scale = w / along
    plane[0], plane[1], plane[2] = w, m0 * scale, m1 * scale


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _propagated(planes, wanted, option, x, y, back, plane):
    """Fill ``plane`` with that of a neighbour carried on to ``x, y``; whether there is one."""
    h, w = wanted.shape
    u, v = x, y
    if option == 0:
        u = x - back
    elif option == 1:
        v = y - back
    elif option == 2:
        u, v = x + back, y - back
    elif option == 3:
        u, v = x - back, y - back
    elif option == 4:
        u = x - 5 * back
    else:
        v = y - 5 * back
    if u < 0 or v < 0 or u >= w or v >= h or not wanted[v, u]:
        return False
    plane[1], plane[2] = planes[v, u, 1], planes[v, u, 2]
    plane[0] = planes[v, u, 0] + plane[1] * (x - u) + plane[2] * (y - v)
    return True


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _search_one(
    gray, mask, K, K_inv, near, far, wanted, ids, B, b, step, planes, scores, sharp, how, state
):
    """Search one picture: fill its ``planes``, ``scores`` and ``sharp``."""
    h, w = wanted.shape
    ref = how[0]
    rounds, tries = how[1], how[2]
    dx, dy = np.zeros(_TAPS, np.int64), np.zeros(_TAPS, np.int64)
    values, weights = np.zeros(_TAPS, np.float32), np.zeros(_TAPS, np.float32)
    A = np.zeros((3, 3))
    found = np.zeros(max(ids.shape[0], 1))
    plane, best = np.zeros(3), np.zeros(3)
    for turn in range(rounds + 2):
        back = 1 if turn % 2 == 0 else -1
        options = 9
        if turn == 0:
            options = 1 + tries
        elif turn == rounds + 1:
            options = 2
        for row in range(h):
            y = row if back > 0 else h - 1 - row
            for column in range(w):
                x = column if back > 0 else w - 1 - column
                if not wanted[y, x]:
                    continue
                total, variance = _window(gray[ref], mask[ref], x, y, dx, dy, values, weights)
                low, high = 1.0 / far[y, x], 1.0 / near[y, x]
                rx = K_inv[0, 0] * (x + 0.5) + K_inv[0, 1] * (y + 0.5) + K_inv[0, 2]
                ry = K_inv[1, 1] * (y + 0.5) + K_inv[1, 2]
                ray = rx * rx + ry * ry + 1.0
                top, drop = scores[y, x], 2.0
                for i in range(3):
                    best[i] = planes[y, x, i]
                for option in range(options):
                    if turn == rounds + 1:
                        plane[0] = best[0] + (2 * option - 1) * step
                        plane[1], plane[2] = best[1], best[2]
                    elif turn == 0 and option == 0:  # where the caller starts
                        for i in range(3):
                            plane[i] = best[i]
                    elif turn == 0:
                        share = (option - 1 + _random(state)) / tries
                        _tilted(plane, low + share * (high - low), x, y, K_inv, state)
                    elif option < 6:
                        if not _propagated(planes, wanted, option, x, y, back, plane):
                            continue
                    elif option == 6:
                        _tilted(plane, best[0], x, y, K_inv, state)
                    else:
                        size = 0.5 ** (turn if option == 7 else turn + 2)
                        reach = min(high - low, 8 * step) * size
                        tilt = 3 * size * best[0] / K[0, 0]
                        plane[0] = best[0] + (2 * _random(state) - 1) * reach
                        plane[1] = best[1] + (2 * _random(state) - 1) * tilt
                        plane[2] = best[2] + (2 * _random(state) - 1) * tilt
                    if turn <= rounds and not _allowed(plane, x, y, K, ray, low, high):
                        continue
                    value = _score(
                        gray, ids, B, b, plane, x, y, dx, dy, values, weights, total, variance,
                        A, found, how[3], top if turn <= rounds else -1.0,
                    )  # fmt: skip
                    if turn > rounds:
                        drop = min(drop, top - value)
                    elif value > top:
                        top = value
                        for i in range(3):
                            best[i] = plane[i]
                scores[y, x] = top
                for i in range(3):
                    planes[y, x, i] = best[i]
                if turn > rounds:
                    sharp[y, x] = drop


@njit(parallel=True, cache=True, error_model="numpy")
def search(gray, mask, K, K_inv, near, far, wanted, ids, B, b, steps, refs, start, how):
    """Depth, slant and how sure, of wanted pixels of some pictures.

    Args:
        gray: ``(v, h, w)`` float32.
        mask: ``(v, h, w)`` float32.
        K: intrinsics of the searched pictures ``(r, 3, 3)`` float64, upper triangular.
        K_inv: their inverses.
        near: least depth of each pixel of each searched picture ``(r, h, w)`` float32.
        far: largest depth, as ``near``.
        wanted: ``(r, h, w)`` bool.
        ids: pictures to compare with ``(r, k)`` int32, −1 after the last.
        B: ``K R K⁻¹`` from each searched picture to those ``(r, k, 3, 3)`` float64.
        b: ``K t`` likewise ``(r, k, 3)`` float64.
        steps: inverse depth that shifts by a pixel and a half in those ``(r,)`` float64.
        refs: the searched pictures ``(r,)`` int32.
        start: ``(r, h, w, 3)`` float32 first planes; 0 for none.
        how: rounds of spreading and refining, random planes each pixel starts from, seed, and how
            many pictures must agree: ``(4,)`` int64.

    Returns:
        Planes ``(r, h, w, 3)`` float32 (inverse depth at the pixel and its slopes), correlation
        ``(r, h, w)`` float32, −1 where nothing was found, and by how much the correlation falls
        one of ``steps`` nearer or farther ``(r, h, w)`` float32.
    """
    r, h, w = wanted.shape
    planes = start.copy()
    scores = np.full((r, h, w), np.float32(-1.0))
    sharp = np.zeros((r, h, w), np.float32)
    for at in prange(r):
        count = 0
        while count < ids.shape[1] and ids[at, count] >= 0:
            count += 1
        if count > 0:
            own = np.empty(4, np.int64)
            own[0], own[1], own[2], own[3] = refs[at], how[0], how[1], how[3]
            state = np.empty(1, np.uint64)
            state[0] = np.uint64(how[2] * 7919 + refs[at] * 104729 + 12345)
            state[0] = state[0] * np.uint64(2685821657736338717) + np.uint64(1)
            _search_one(
                gray, mask, K[at], K_inv[at], near[at], far[at], wanted[at], ids[at, :count],
                B[at], b[at], steps[at], planes[at], scores[at], sharp[at], own, state,
            )  # fmt: skip
    return planes, scores, sharp

"""Threes as tuples, for compiled scalar code."""

# pyright: basic

from __future__ import annotations

from numba import njit


@njit
def cross(a, b):
    """Vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit
def dot(a, b):
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit
def scaled(a, s):
    """``a`` times a number."""
    return a[0] * s, a[1] * s, a[2] * s


@njit
def plus(a, b):
    """Sum."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@njit
def turn(rows, a):
    """Matrix, as a tuple of rows, times vector."""
    return dot(rows[0], a), dot(rows[1], a), dot(rows[2], a)


@njit
def turn_back(rows, a):
    """Transposed matrix times vector."""
    return plus(plus(scaled(rows[0], a[0]), scaled(rows[1], a[1])), scaled(rows[2], a[2]))


@njit
def load(array, i):
    """Row ``i`` of ``(n, 3)`` in double precision."""
    return float(array[i, 0]), float(array[i, 1]), float(array[i, 2])

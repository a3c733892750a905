"""Samples of a file's animations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.importers.gltf.container import Container
from reel2sim.importers.gltf.fields import Fields
from reel2sim.importers.gltf.nodes import Node, composed, parts_of
from reel2sim.scene.arrays import Array

_WIDTHS = {"translation": ("VEC3", 3), "rotation": ("VEC4", 4), "scale": ("VEC3", 3)}
_MODES = ("LINEAR", "STEP", "CUBICSPLINE")
_MOST_KEYS = 5_000_000
"""Of all channels together: they may share accessors, so the file's size does not bound them."""


@dataclass(frozen=True, eq=False)
class Channel:
    """One property of one node over time.

    Attributes:
        node: its index.
        path: translation, rotation or scale.
        mode: LINEAR, STEP or CUBICSPLINE.
        times_s: of keys ``(k,)``, ascending.
        values: ``(k, w)``, or with tangents before and after ``(k, 3, w)``.
    """

    node: int
    path: str
    mode: str
    times_s: Array
    values: Array

    def at(self, times_s: Array) -> Array:
        """Values ``(t, w)``; the ends are held, rotations are of unit length."""
        keys, values = self.times_s, self.values
        t = np.clip(times_s, keys[0], keys[-1])
        right = np.clip(np.searchsorted(keys, t, side="right"), 1, max(len(keys) - 1, 1))
        left = right - 1
        right = np.minimum(right, len(keys) - 1)
        span = np.where(right > left, keys[right] - keys[left], 1.0)
        u = ((t - keys[left]) / span)[:, None]
        if self.mode == "CUBICSPLINE":
            found = _hermite(values, left, right, u, span[:, None])
        elif self.mode == "STEP":
            found = values[np.where(u[:, 0] >= 1.0, right, left)]
        elif self.path == "rotation":
            found = _slerped(values[left], values[right], u)
        else:
            found = (1 - u) * values[left] + u * values[right]
        if self.path != "rotation":
            return found
        length = np.linalg.norm(found, axis=1, keepdims=True)
        return np.where(length > 1e-6, found / np.maximum(length, 1e-12), [0.0, 0.0, 0.0, 1.0])


def channels_of(container: Container, nodes: dict[int, Node], notes: list[str]) -> list[Channel]:
    """What moves the scene's nodes: the first animation, and others that leave its nodes alone.

    Raises:
        InputError: if a channel's keys are none.
    """
    found: list[Channel] = []
    taken: set[tuple[int, str]] = set()
    keys = 0
    count = len(container.root.items("nodes"))
    for i, animation in enumerate(container.root.each("animations")):
        samplers = animation.each("samplers")
        mine: list[tuple[tuple[int, str], Fields]] = []
        for channel in animation.each("channels"):
            target = channel.inner("target")
            if "node" not in target:
                continue
            place = target.index("node", count), target.text("path")
            if place[1] == "weights":
                notes.append(f"morph targets of {_name(nodes, place[0])} do not move")
            elif place[1] in _WIDTHS and place[0] in nodes:
                sampler = samplers[channel.index("sampler", len(samplers))]
                mine.append((place, sampler))
        if taken & {place for place, _ in mine}:
            name = animation.text("name") or f"number {i + 1}"
            notes.append(f"animation {name} moves what an earlier one moves, and is left out")
            continue
        taken |= {place for place, _ in mine}
        for (node, path), sampler in mine:
            keys += container.count(sampler.index("input", container.accessors))
            if keys > _MOST_KEYS:
                raise animation.wrong("channels", f"have over {_MOST_KEYS} keys")
            found.append(_channel(container, node, path, sampler))
    return found


def _name(nodes: dict[int, Node], index: int) -> str:
    return nodes[index].name if index in nodes else f"node_{index}"


def _channel(container: Container, node: int, path: str, sampler: Fields) -> Channel:
    mode = sampler.text("interpolation", "LINEAR")
    if mode not in _MODES:
        raise sampler.wrong("interpolation", f"is {mode!r}")
    times = container.accessor(sampler.index("input", container.accessors), "SCALAR")[:, 0]
    kind, width = _WIDTHS[path]
    values = container.accessor(sampler.index("output", container.accessors), kind)
    values = values.astype(np.float64)
    times = times.astype(np.float64)
    if not len(times) or (np.diff(times) <= 0).any() or times[0] < 0:
        raise sampler.wrong("input", "holds times that do not ascend from 0")
    rows = 3 if mode == "CUBICSPLINE" else 1
    if len(values) != rows * len(times):
        raise sampler.wrong("output", f"holds {len(values)} values for {len(times)} times")
    if rows == 3:
        values = values.reshape(-1, 3, width)
    elif path == "rotation":
        length = np.linalg.norm(values, axis=1, keepdims=True)
        if length.min() < 1e-6:
            raise sampler.wrong("output", "holds a rotation without length")
        values = values / length
    return Channel(node, path, mode, times, values)


def _slerped(a: Array, b: Array, u: Array) -> Array:
    """Between unit quaternions, the short way."""
    cosine = (a * b).sum(axis=1, keepdims=True)
    b = np.where(cosine < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(cosine), 0.0, 1.0))
    sine = np.sin(angle)
    near = sine < 1e-5
    whole = np.where(near, 1.0, sine)
    wa = np.where(near, 1 - u, np.sin((1 - u) * angle) / whole)
    wb = np.where(near, u, np.sin(u * angle) / whole)
    return wa * a + wb * b


def _hermite(values: Array, left: Array, right: Array, u: Array, span: Array) -> Array:
    """Cubic splines: tangents are per second, those into a key before those out of it."""
    p, q = values[left, 1], values[right, 1]
    m, n = span * values[left, 2], span * values[right, 0]
    square, cube = u * u, u * u * u
    return (
        (2 * cube - 3 * square + 1) * p
        + (cube - 2 * square + u) * m
        + (3 * square - 2 * cube) * q
        + (cube - square) * n
    )


def sample_times(channels: list[Channel], *, step_s: float | None, most: int) -> Array:
    """All keys, and just before each step; no gap over ``step_s`` if that is given ``(t,)``.

    If there are more than ``most``: as many, evenly.
    """
    if not channels:
        return np.zeros(1)
    kinds = [c.times_s for c in channels]
    steps = [c.times_s[1:] for c in channels if c.mode == "STEP"]
    keys = np.unique(np.concatenate([*kinds, *(np.maximum(s - 1e-4, 0.0) for s in steps)]))
    start, stop = float(keys[0]), float(keys[-1])
    if step_s is not None and stop > start:
        count = int(min(np.ceil((stop - start) / step_s), most)) + 1
        keys = np.unique(np.concatenate([keys, np.linspace(start, stop, count)]))
    keys = keys[np.concatenate([[True], np.diff(keys) > 1e-6])]
    return np.linspace(start, stop, most) if len(keys) > most else keys


class Poses:
    """Local frames of animated nodes over time.

    Args:
        nodes: of the scene.
        channels: what moves them.
        times_s: when to look ``(t,)``.
    """

    def __init__(self, nodes: dict[int, Node], channels: list[Channel], times_s: Array) -> None:
        self._nodes, self.times_s = nodes, times_s
        self._channels: dict[int, dict[str, Channel]] = {}
        for channel in channels:
            self._channels.setdefault(channel.node, {})[channel.path] = channel

    def local(self, index: int) -> Array:
        """``(t, 4, 4)`` of an animated node, ``(1, 4, 4)`` of any other."""
        node, moved = self._nodes[index], self._channels.get(index)
        if not moved:
            return node.local()[None]
        base = {"translation": node.translation, "rotation": node.rotation, "scale": node.scale}
        if node.matrix is not None:  # the specification has none where there are channels
            T, S = parts_of(node.matrix)
            turn = Rotation.from_matrix(T[:3, :3]).as_quat()
            base = {"translation": T[:3, 3], "rotation": turn, "scale": np.diag(S)}
        count = len(self.times_s)
        found = {
            path: moved[path].at(self.times_s) if path in moved else np.tile(value, (count, 1))
            for path, value in base.items()
        }
        return composed(found["translation"], found["rotation"], found["scale"])

    @property
    def moved(self) -> set[int]:
        """Nodes whose frames are not the same at all times."""
        return {i for i in self._channels if np.ptp(self.local(i), axis=0).max() > 1e-9}

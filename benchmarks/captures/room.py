"""A textured room around a body: floor under it, walls far off, and the shadow it casts."""

from __future__ import annotations

import numpy as np
from captures.body import Body
from captures.raycast import SUPERSAMPLE, RayScene, pixel_rays
from captures.texture import Texture

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_LIGHT = np.array([0.35, -0.55, 0.76]) / np.linalg.norm([0.35, -0.55, 0.76])
_AMBIENT = 0.5
_SHADE = 0.7
"""What remains of the light in the shadow."""
_HALF = 3.2
"""Half of the room's width in diagonals of the body: every camera must be inside."""
_COARSER = 2.5
"""Size of the room's texture in diagonals of the body."""
_INSTANTS = 9


class Room:
    """What is behind pictures of one body.

    Args:
        body: what stands on the floor; its lowest point over the whole motion touches it.
        seed: of the textures.
    """

    def __init__(self, body: Body, *, seed: int) -> None:
        used = np.unique(body.faces)
        points = np.concatenate([body.vertices_at(s)[used] for s in np.linspace(0, 1, _INSTANTS)])
        low, high = points.min(0), points.max(0)
        half = _HALF * body.diagonal
        middle = (low + high) / 2
        self._low = np.array([middle[0] - half, middle[1] - half, low[2]])
        self._high = np.array([middle[0] + half, middle[1] + half, low[2] + 2 * half])
        self._scene = RayScene(body, seed=seed, rich=False)
        self._start = 1e-6 * body.diagonal
        size_m = _COARSER * body.diagonal
        self._faces = [Texture.make(i, seed=seed + 1, size_m=size_m, rich=True) for i in range(6)]

    def behind(self, picture: Array, camera: Camera, share: float) -> Array:
        """``picture`` ``(h, w, 4)`` uint8 of the body over the room: ``(h, w, 3)`` float, 0..255.

        Args:
            picture: straight colour and coverage.
            camera: where it was taken from, inside of the room.
            share: of the motion, 0..1, for the shadow.
        """
        origins, rays = pixel_rays(camera, SUPERSAMPLE)
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead = np.where(rays > 0, self._high, self._low) - origins
            along = np.nan_to_num(ahead / rays, nan=np.inf)
        axis = along.argmin(1)
        points = origins + along.min(1)[:, None] * rays
        towards = np.take_along_axis(rays, axis[:, None], 1)[:, 0]
        face = 2 * axis + (towards > 0)
        colour = np.zeros(points.shape)
        for index, texture in enumerate(self._faces):
            own = face == index
            if own.any():
                normal = np.zeros(3)
                normal[index // 2] = -1.0 if index % 2 else 1.0
                shade = _AMBIENT + (1 - _AMBIENT) * max(float(normal @ _LIGHT), 0.0)
                colour[own] = texture(points[own]) * shade
        floor = np.flatnonzero(face == 4)
        start = points[floor] + self._start * _LIGHT
        blocked = self._scene.at(share).cast(start, np.broadcast_to(_LIGHT, start.shape))
        colour[floor[blocked.triangle >= 0]] *= _SHADE
        box = (camera.height, SUPERSAMPLE, camera.width, SUPERSAMPLE, 3)
        room = 255 * colour.reshape(box).mean(axis=(1, 3))
        alpha = picture[..., 3:].astype(np.float64) / 255
        return picture[..., :3] * alpha + room * (1 - alpha)

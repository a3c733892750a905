"""Distances between bodies made of convex pieces."""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh

from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.transforms import pose_to_vector


class Contacts:
    """How deep bodies are in each other, by MuJoCo's convex collision (``mj_geomDistance``).

    Args:
        bodies: convex pieces of each body, world frame at zero state, metres.

    Attributes:
        reach: distances above this are not told apart, metres; 2% of the size of all bodies.
    """

    def __init__(self, bodies: Sequence[Sequence[trimesh.Trimesh]]) -> None:
        import mujoco

        corners = [np.asarray(piece.vertices) for body in bodies for piece in body]
        everything = np.concatenate(corners) if corners else np.zeros((1, 3))
        # MuJoCo refuses meshes of tiny volume: all is brought to one metre.
        self._unit = max(float(np.linalg.norm(np.ptp(everything, axis=0))), 1e-9)
        self._center = (everything.min(0) + everything.max(0)) / 2
        self.reach = 0.02 * self._unit
        spec = mujoco.MjSpec()
        for i, body in enumerate(bodies):
            holder = spec.worldbody.add_body(name=f"body_{i}", mocap=True)
            for k, piece in enumerate(body):
                mesh = spec.add_mesh(name=f"mesh_{i}_{k}")
                mesh.uservert = ((np.asarray(piece.vertices) - self._center) / self._unit).ravel()
                mesh.userface = np.asarray(piece.faces, np.int32).ravel()
                mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
                holder.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=mesh.name)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._owner = np.asarray(self._model.geom_bodyid, np.int64) - 1
        self._radius = np.asarray(self._model.geom_rbound)

    @classmethod
    def of(cls, asset: RiggedAsset) -> Contacts:
        """Of the links of ``asset``."""
        origins = asset.rest_poses[:, :3, 3]
        return cls(
            [
                [trimesh.Trimesh(p.vertices + at, p.faces, process=False) for p in x.collision]
                for x, at in zip(asset.links, origins, strict=True)
            ]
        )

    def pairs(self, moving: Sequence[int]) -> tuple[Array, Array]:
        """The pairs of pieces that :meth:`depths` looks at.

        Returns:
            Body of each of ``m`` pieces that move and of each of ``s`` others.
        """
        moves = np.isin(self._owner, moving)
        return self._owner[moves], self._owner[~moves]

    def depths(self, motions: Array, moving: Sequence[int]) -> Array:
        """How deep each piece of the moving bodies is in each of the others.

        Args:
            motions: of every body since zero state ``(b, 4, 4)``, world to world.
            moving: bodies to look at; pairs of two of them are left out.

        Returns:
            Depths ``(m, s)``, metres, in the order of :meth:`pairs`; negative for a gap,
            -:attr:`reach` for a wide one.
        """
        import mujoco

        shifted = np.array(motions, np.float64)
        shifted[:, :3, 3] += shifted[:, :3, :3] @ self._center - self._center
        shifted[:, :3, 3] /= self._unit
        placed = pose_to_vector(shifted)
        self._data.mocap_pos[:], self._data.mocap_quat[:] = placed[:, :3], placed[:, 3:]
        mujoco.mj_kinematics(self._model, self._data)
        moves = np.isin(self._owner, moving)
        first, second = np.flatnonzero(moves), np.flatnonzero(~moves)
        at = np.asarray(self._data.geom_xpos)
        apart = np.linalg.norm(at[first, None] - at[second], axis=2)
        reach = self.reach / self._unit
        close = apart < self._radius[first, None] + self._radius[second] + reach
        found = np.full(close.shape, -self.reach)
        for a, b in zip(*np.nonzero(close), strict=True):
            i, j = int(first[a]), int(second[b])
            gap = mujoco.mj_geomDistance(self._model, self._data, i, j, reach, None)
            found[a, b] = -float(gap) * self._unit
        return found

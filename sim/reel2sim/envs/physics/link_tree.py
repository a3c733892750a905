"""Where links are by the joints' positions alone, without asking the engine.

Each joint turns or shifts what hangs on it about one screw, which is taken where all joints are at
zero: the product of exponentials (Brockett 1984), for points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.envs.physics.body import Body
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert


@dataclass(frozen=True, eq=False)
class LinkTree:
    """Centres of mass of ``l`` links that ``n`` joints move, in the root's frame.

    Attributes:
        homes: centres with all joints at zero ``(l, 3)``, metres.
        hinged: which joints turn ``(n,)``, bool; the others slide.
        screws: of each joint there ``(n, 6)``: axis, and a point on it.
        starts: where each link's joints begin in ``order`` ``(l + 1,)``.
        order: the joints between links and the root, those next to the link first.
    """

    homes: Array
    hinged: Array
    screws: Array
    starts: Array
    order: Array

    def centers(self, q: Array) -> Array:
        """Centres of mass ``(l, 3)`` at positions ``q`` ``(n,)``."""
        out = np.empty_like(self.homes)
        for k in range(len(out)):
            out[k] = link_center(
                k, q, self.homes, self.hinged, self.screws, self.starts, self.order
            )
        return out


def link_tree(body: Body) -> LinkTree:
    """The tree of ``body``, which is loaded; leaves it with all joints at zero."""
    joints, links = body.joints, body.links
    parents = body.parents()
    zero = np.zeros(len(joints))
    body.place(zero)
    T_root_world = invert(body.root_pose())
    homes = apply(T_root_world, body.link_centers()) if links else np.zeros((0, 3))
    before = [T_root_world @ body.link_pose(link) for link in joints]
    hinged, screws = np.zeros(len(joints), bool), np.zeros((len(joints), 6))
    for n, link in enumerate(joints):
        moved = zero.copy()
        moved[n] = 1.0
        body.place(moved)
        T = T_root_world @ body.link_pose(link) @ invert(before[n])
        turn = Rotation.from_matrix(T[:3, :3]).as_rotvec()
        angle = float(np.linalg.norm(turn))
        hinged[n] = angle > 0.5
        # The engine's angles are off by the rounding of 32 bits.
        screws[n, :3] = turn / angle if hinged[n] else T[:3, 3]
        screws[n, 3:] = before[n][:3, 3]
    body.place(zero)
    number = {link: n for n, link in enumerate(joints)}
    order: list[int] = []
    starts = [0]
    for link in links:
        at = link
        while at >= 0:
            if at in number:
                order.append(number[at])
            at = parents[at]
        starts.append(len(order))
    return LinkTree(homes, hinged, screws, np.array(starts), np.array(order, dtype=np.int64))


@numba.njit(cache=True)
def link_center(k, q, homes, hinged, screws, starts, order):
    """Centre of mass of link ``k``, three numbers; see :class:`LinkTree`."""
    x, y, z = homes[k, 0], homes[k, 1], homes[k, 2]
    for i in range(starts[k], starts[k + 1]):
        j = order[i]
        a, b, c = screws[j, 0], screws[j, 1], screws[j, 2]
        if not hinged[j]:
            x += a * q[j]
            y += b * q[j]
            z += c * q[j]
            continue
        u, v, w = x - screws[j, 3], y - screws[j, 4], z - screws[j, 5]
        sine, versine = np.sin(q[j]), 1.0 - np.cos(q[j])
        # Rodrigues: p + sin · (a × p) + (1 − cos) · a × (a × p)
        r, s, t = b * w - c * v, c * u - a * w, a * v - b * u
        x += sine * r + versine * (b * t - c * s)
        y += sine * s + versine * (c * r - a * t)
        z += sine * t + versine * (a * s - b * r)
    return x, y, z

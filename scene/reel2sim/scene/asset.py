"""The rigged asset: links, joints, motion and appearance, and its kinematics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.motion import Motion
from reel2sim.scene.rig import Joint, Link
from reel2sim.scene.skin import Skin
from reel2sim.scene.surfels import Surfels
from reel2sim.scene.transforms import invert, pose

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, eq=False)
class RiggedAsset:
    """A tree of links and joints with the motion it was recovered from.

    World frame: that of the input. At time zero and zero state the object is where the first
    frame saw it.

    Attributes:
        name: file-safe name of the object.
        links: all bodies, root first, then every parent before its children.
        joints: one per link but the root, in the order of their children in ``links``.
        motion: positions of every joint over the reel.
        surfels: appearance at time zero, world frame.
        surfel_links: index into ``links`` for each surfel ``(n,)``.
        fixed_base: whether the root stood still for the whole reel.
        metrics: figures of the fit, such as ``replay_error``.
        notes: what a user should know about limits of this result.
        skin: one mesh that bends over all links, for a subject that is not made of rigid parts;
            the links' own meshes are then its rigid approximation.
        interpenetrating: pairs of links, in order, that no joint joins and whose collision pieces
            are in each other at rest or in a state that the reel showed; they must not collide.
    """

    name: str
    links: tuple[Link, ...]
    joints: tuple[Joint, ...]
    motion: Motion
    surfels: Surfels
    surfel_links: Array
    fixed_base: bool = True
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()
    skin: Skin | None = None
    interpenetrating: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        ids = checked(
            "RiggedAsset.surfel_links", self.surfel_links, (len(self.surfels),), dtype=np.int32
        )
        if len(ids) and (ids.min() < 0 or ids.max() >= len(self.links)):
            raise InputError("names a link that is not there", source="RiggedAsset.surfel_links")
        self._check_names()
        self._check_tree()
        self._check_mimics()
        self._check_skin()
        self._check_pairs()
        assign(self, surfel_links=ids, metrics=dict(self.metrics))

    def _check_names(self) -> None:
        names = [self.name, *(x.name for x in self.links), *(x.name for x in self.joints)]
        for name in names:
            if not _NAME.match(name):
                raise InputError(
                    "is not a name (a letter, then letters, digits, underscores)", source=name
                )
        for kind in (self.links, self.joints):
            found = [x.name for x in kind]
            if len(set(found)) != len(found):
                raise InputError(f"names are not unique: {found}", source="RiggedAsset")
        missing = {x.name for x in self.joints} ^ set(self.motion.positions)
        if missing:
            raise InputError(
                f"motion and joints disagree on {sorted(missing)}", source="RiggedAsset"
            )

    def _check_tree(self) -> None:
        if not self.links:
            raise InputError("has no links", source="RiggedAsset")
        children = [joint.child for joint in self.joints]
        if children != [link.name for link in self.links[1:]]:
            raise InputError("joints must list every link but the root, in order", source=self.name)
        seen = {self.links[0].name}
        for joint in self.joints:
            if joint.parent not in seen:
                raise InputError(
                    f"parent {joint.parent!r} must come before its child", source=joint.name
                )
            seen.add(joint.child)

    def _check_mimics(self) -> None:
        joints = {joint.name: joint for joint in self.joints}
        for joint in self.joints:
            if joint.mimic is None:
                continue
            leader = joints.get(joint.mimic.joint)
            fault = ""
            if leader is None:
                fault = "which is not there"
            elif leader is joint:
                fault = "which is itself"
            elif leader.mimic is not None:
                fault = f"which follows {leader.mimic.joint!r}"
            elif joint.type.dof != 1 or leader.type.dof != 1:
                fault = "and both need one degree of freedom"
            elif joint.type.angular != leader.type.angular:
                fault = "and one of them turns while the other slides"
            if fault:
                raise InputError(
                    f"follows {joint.mimic.joint!r}, {fault}", source=joint.name, field="mimic"
                )

    def _check_skin(self) -> None:
        if self.skin is None:
            return
        if self.skin.highest >= len(self.links):
            raise InputError("names a link that is not there", source="RiggedAsset.skin")
        if len(self.skin.surfels) != len(self.surfels):
            raise InputError(
                f"carries {len(self.skin.surfels)} surfels of {len(self.surfels)}",
                source="RiggedAsset.skin",
            )

    def _check_pairs(self) -> None:
        index = self.link_index
        for pair in self.interpenetrating:
            missing = [name for name in pair if name not in index]
            fault = f"{missing[0]!r} is not a link" if missing else ""
            if not fault and index[pair[0]] >= index[pair[1]]:
                fault = f"{pair} must name two links, the earlier one first"
            if fault:
                raise InputError(fault, source="RiggedAsset", field="interpenetrating")

    @property
    def link_index(self) -> dict[str, int]:
        """Index of each link by name."""
        return {link.name: i for i, link in enumerate(self.links)}

    def followed(self, positions: Mapping[str, float]) -> dict[str, float]:
        """``positions`` with every follower that they do not name where its leader puts it."""
        found = dict(positions)
        for joint in self.joints:
            if joint.mimic is not None and joint.name not in positions:
                found[joint.name] = float(joint.mimic.follow(positions.get(joint.mimic.joint, 0.0)))
        return found

    def link_poses(
        self, positions: Mapping[str, float], T_world_root: Array | None = None
    ) -> Array:
        """Forward kinematics: ``T_world_link`` ``(l, 4, 4)``; joints not named are at 0.

        Positions are used as given, also those of joints that follow another: a motion holds
        both. :meth:`followed` fills in what a leader prescribes.
        """
        index = self.link_index
        T = np.empty((len(self.links), 4, 4))
        T[0] = np.eye(4) if T_world_root is None else T_world_root
        for i, joint in enumerate(self.joints, start=1):
            offset = pose(translation=joint.origin)
            T[i] = T[index[joint.parent]] @ offset @ joint.motion(positions.get(joint.name, 0.0))
        return T

    @property
    def rest_poses(self) -> Array:
        """``T_world_link`` ``(l, 4, 4)`` at zero state, root at the world's origin."""
        return self.link_poses({})

    def link_poses_at(self, time_s: float) -> Array:
        """``T_world_link`` ``(l, 4, 4)`` as the reel showed the asset at ``time_s``."""
        T_world_root, q = self.motion.sample(time_s)
        return self.link_poses(q, T_world_root)

    def link_motions_at(self, time_s: float) -> Array:
        """Motion of every link since rest ``(l, 4, 4)``, world to world."""
        return self.link_poses_at(time_s) @ invert(self.rest_poses)

    def surfels_at(self, time_s: float) -> Surfels:
        """The surfels posed as the reel showed them at ``time_s``, by the skin if there is one."""
        T = self.link_motions_at(time_s)
        if self.skin is None:
            return self.surfels.moved(T[self.surfel_links])
        return self.surfels.moved(self.skin.surfels.placements(self.surfels.means, T))

    def skin_at(self, time_s: float) -> Array:
        """The skin's vertices as the reel showed them at ``time_s`` ``(v, 3)``, world.

        Raises:
            InputError: if the asset has no skin.
        """
        if self.skin is None:
            raise InputError("has no skin", source=self.name)
        return self.skin.vertices.moved(self.skin.mesh.vertices, self.link_motions_at(time_s))

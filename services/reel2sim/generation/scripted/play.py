"""What happens in a reel: every object of a scene, its joints and its parts over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from reel2sim.generation.scripted.kinematics import ObjectSpec, forward_kinematics
from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.transforms import apply


@dataclass(frozen=True, eq=False)
class Actor:
    """One object of a scene and its motion.

    Attributes:
        name: unique in the scene; ``{name}_{part}`` names its parts where a scene has several
            objects.
        spec: what it is.
        base_poses: ``T_world_root`` ``(t, 4, 4)``.
        positions: of the joint of every movable part, radians or metres ``(t,)``.
        scenery: whether it is a mere support, such as a table: part of picture and mask, but
            nobody asked for its joints.
    """

    name: str
    spec: ObjectSpec
    base_poses: Array
    positions: Mapping[str, Array]
    scenery: bool = False

    def __post_init__(self) -> None:
        base = checked("Actor.base_poses", self.base_poses, ("t", 4, 4))
        known = {
            part.name: checked(
                f"Actor.positions[{part.name}]", self.positions[part.name], (len(base),)
            )
            for part in self.spec.movable
        }
        assign(self, base_poses=base, positions=known)

    @cached_property
    def part_poses(self) -> Mapping[str, Array]:
        """``T_world_part`` ``(t, 4, 4)`` of every part, by the object's forward kinematics."""
        return forward_kinematics(self.spec, self.positions, self.base_poses)

    def points(self, instants: slice | list[int] = slice(None)) -> Array:
        """All vertices at some instants ``(n, 3)``, metres, world."""
        clouds = [
            apply(self.part_poses[part.name][instants], part.vertices).reshape(-1, 3)
            for part in self.spec.parts
        ]
        return np.concatenate(clouds)


@dataclass(frozen=True, eq=False)
class Performance:
    """A scene over time.

    Attributes:
        times_s: instants ``(t,)``, seconds, ascending from 0.
        actors: the objects, in the order the prompt names them; scenery last.
    """

    times_s: Array
    actors: tuple[Actor, ...]

    def part_name(self, actor: Actor, part: str) -> str:
        """What a part is called among all of the scene."""
        return part if len(self.actors) == 1 else f"{actor.name}_{part}"

    def points(self, instants: slice | list[int] = slice(None)) -> Array:
        """All vertices of all objects at some instants ``(n, 3)``, metres, world."""
        return np.concatenate([actor.points(instants) for actor in self.actors])

    def waiting(self, *, before: int = 0, after: int = 0) -> Performance:
        """The same with so many instants more in which all stands still, as evenly spaced."""
        count = len(self.times_s)
        return self._at(np.repeat(np.arange(count), [1 + before, *[1] * (count - 2), 1 + after]))

    def frozen(self, *, count: int | None = None) -> Performance:
        """The same with nothing moving, as at the first instant, for ``count`` instants."""
        return self._at(np.zeros(len(self.times_s) if count is None else count, int))

    def _at(self, order: Array) -> Performance:
        """What is at instants ``order`` ``(t,)``, as evenly spaced as it was."""
        step = (self.times_s[-1] - self.times_s[0]) / (len(self.times_s) - 1)
        actors = tuple(
            replace(
                actor,
                base_poses=actor.base_poses[order],
                positions={name: q[order] for name, q in actor.positions.items()},
            )
            for actor in self.actors
        )
        return Performance(step * np.arange(len(order)), actors)

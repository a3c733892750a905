"""The scene as nodes of viser: a frame for every link, and what the layers hang on it.

Only poses of frames are sent when something moves. A layer is sent when it is first seen, and
after an edit only what belongs to assets that changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reel2sim.scene import RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import quaternion_from_matrix
from reel2sim.viewing.layers.layer import Figure, Layer
from reel2sim.viewing.session import Session

if TYPE_CHECKING:
    from viser import ViserServer


@dataclass(eq=False)
class _Actor:
    """One asset on the stage."""

    source: RiggedAsset
    figure: Figure
    frames: list[Any]
    layers: dict[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])


class Stage:
    """Keeps the nodes of a server as the session has them.

    Args:
        server: shows them.
        session: says what there is and where.
        layers: what can be seen.
        shown: names of the layers that are.
    """

    def __init__(
        self, server: ViserServer, session: Session, layers: Sequence[Layer], shown: Sequence[str]
    ) -> None:
        self._server, self._session = server, session
        self.layers = tuple(layers)
        self._shown = set(shown)
        self._actors: dict[str, _Actor] = {}
        self._around: dict[str, Sequence[Any]] = {}
        session.on_scene.append(self._recast)
        session.on_posed.append(self._pose)
        with session.lock:
            self._recast()
            self._pose()

    @property
    def shown(self) -> frozenset[str]:
        """Names of the layers that are seen."""
        return frozenset(self._shown)

    def show(self, name: str, seen: bool) -> None:
        """Have a layer seen or not."""
        with self._session.lock, self._server.atomic():
            (self._shown.add if seen else self._shown.discard)(name)
            for handle in self._handles(name):
                handle.visible = seen
            if seen:
                self._fill()
                self._pose()

    def _handles(self, name: str) -> list[Any]:
        found = list(self._around.get(name, ()))
        for actor in self._actors.values():
            found += actor.layers.get(name, ())
        return found

    def _recast(self) -> None:
        """Take the assets of the session's scene; those that are the same stay."""
        scene, session = self._session.scene, self._session
        sources = {p.asset.name: p.asset for p in scene.placements}
        for name, actor in list(self._actors.items()):
            if sources.get(name) is not actor.source:
                self._server.scene.remove_by_name(actor.figure.root)
                del self._actors[name]
        for name, asset in session.assets.items():
            if name not in self._actors:
                self._actors[name] = self._enter(sources[name], asset)
        for handles in self._around.values():
            for handle in handles:
                handle.remove()
        self._around.clear()
        self._fill()

    def _enter(self, source: RiggedAsset, asset: RiggedAsset) -> _Actor:
        figure, api = Figure.of(asset), self._server.scene
        api.add_frame(figure.root, show_axes=False)
        links = range(len(asset.links))
        frames = [api.add_frame(figure.link(i), show_axes=False) for i in links]
        return _Actor(source, figure, frames)

    def _fill(self) -> None:
        """Make what is to be seen and was not there yet."""
        api, scene = self._server.scene, self._session.scene
        for layer in self.layers:
            if layer.name not in self._shown:
                continue
            if layer.name not in self._around:
                self._around[layer.name] = layer.add_scene(api, scene)
            for actor in self._actors.values():
                if layer.name not in actor.layers:
                    actor.layers[layer.name] = layer.add_asset(api, actor.figure)

    def _pose(self) -> None:
        """Send where links are."""
        with self._server.atomic():
            for name, poses in self._session.link_poses().items():
                self._pose_actor(self._actors[name], poses)

    def _pose_actor(self, actor: _Actor, poses: Array) -> None:
        turns = quaternion_from_matrix(poses[:, :3, :3])
        for frame, wxyz, T in zip(actor.frames, turns, poses, strict=True):
            frame.wxyz, frame.position = wxyz, T[:3, 3]
        for layer in self.layers:
            if layer.name in self._shown and layer.name in actor.layers:
                layer.posed(actor.layers[layer.name], actor.figure, poses)

"""What is shown at this moment: a scene, and how each of its assets stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from reel2sim.editing.edits import Edit
from reel2sim.scene import RiggedAsset, Scene, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.viewing.controls import JointControl, joint_controls
from reel2sim.viewing.posture import Posture
from reel2sim.viewing.workspace import Workspace


class Session:
    """State that all who look share; safe to use from any thread.

    Attributes:
        workspace: the scene and its edits.
        lock: held while the state changes and listeners are told; never for long.
        on_posed: called after assets moved.
        on_scene: called after the scene became another.
        on_moved: called with a joint and where somebody has put it.
        simulated: whether something else decides how assets stand: then :meth:`seek` and
            :meth:`move_joint` only say what is wished.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.lock = threading.RLock()
        self.on_posed: list[Callable[[], None]] = []
        self.on_scene: list[Callable[[], None]] = []
        self.on_moved: list[Callable[[JointControl, float], None]] = []
        self.simulated = False
        self._editing = threading.Lock()
        self._time_s = 0.0
        self._take(workspace.scene)
        self._time_s = self.start_s
        self._stand()

    @property
    def scene(self) -> Scene:
        """The scene that is shown."""
        return self._scene

    @property
    def scene_title(self) -> str:
        """What to call it: the asset's name, or the scene's."""
        return self._scene.names[0] if self._scene.is_one_asset else self._scene.name

    @property
    def assets(self) -> Mapping[str, RiggedAsset]:
        """Assets in the scene's frame, by name."""
        return self._assets

    @property
    def controls(self) -> tuple[JointControl, ...]:
        """Controls of all joints of all assets."""
        return self._controls

    @property
    def start_s(self) -> float:
        """First instant of any motion, seconds."""
        return min((float(a.motion.times_s[0]) for a in self._assets.values()), default=0.0)

    @property
    def stop_s(self) -> float:
        """Last instant of any motion, seconds."""
        return max((float(a.motion.times_s[-1]) for a in self._assets.values()), default=0.0)

    @property
    def time_s(self) -> float:
        """Time of the motion that was last shown, seconds."""
        return self._time_s

    def posture(self, asset: str) -> Posture:
        """How an asset stands."""
        return self._postures[asset]

    def positions(self) -> dict[str, dict[str, float]]:
        """Of all joints of all assets, by name."""
        with self.lock:
            return {name: dict(posture.positions) for name, posture in self._postures.items()}

    def position(self, control: JointControl) -> float:
        """Of a joint, within the range of its control."""
        return control.clamped(self._postures[control.asset].positions.get(control.joint, 0.0))

    def link_poses(self) -> dict[str, Array]:
        """``T_world_link`` of the links of each asset ``(l, 4, 4)``."""
        with self.lock:
            return {n: self._postures[n].link_poses(a) for n, a in self._assets.items()}

    def surfels(self) -> Surfels:
        """Surfels of the background and of all assets as they stand."""
        with self.lock:
            around = [] if self._scene.background is None else [self._scene.background]
            standing = list(self._postures.items())
            assets = dict(self._assets)
        return Surfels.joined([*around, *(p.surfels(assets[name]) for name, p in standing)])

    def seek(self, time_s: float) -> None:
        """Have all assets stand as their reels showed them at ``time_s``, held to the ends."""
        with self.lock:
            self._time_s = min(max(time_s, self.start_s), self.stop_s)
            if not self.simulated:
                self._stand()
                self._tell(self.on_posed)

    def move_joint(self, control: JointControl, position: float) -> None:
        """Put one joint elsewhere, as far as it goes."""
        with self.lock:
            asset = self._assets.get(control.asset)
            if asset is None:  # it was edited away while somebody moved it
                return
            for listener in self.on_moved:
                listener(control, control.clamped(position))
            if not self.simulated:
                before = self._postures[control.asset]
                self._postures[control.asset] = before.moved(asset, control, position)
                self._tell(self.on_posed)

    def pose(self, postures: Mapping[str, Posture]) -> None:
        """Have assets stand as what simulates them says; nothing if that has ended by now."""
        with self.lock:
            if not self.simulated:
                return
            self._postures.update((n, p) for n, p in postures.items() if n in self._assets)
            self._tell(self.on_posed)

    def make(self, edit: Edit) -> None:
        """Make an edit; see :meth:`Workspace.make`."""
        self._change(lambda: self.workspace.make(edit))

    def undo(self) -> None:
        """Undo the last edit."""
        self._change(self.workspace.undo)

    def redo(self) -> None:
        """Make the last undone edit again."""
        self._change(self.workspace.redo)

    def _change(self, how: Callable[[], Scene]) -> None:
        # An edit may take seconds, in which sliders must go on: it has a lock of its own.
        with self._editing:
            scene = how()
            with self.lock:
                self._take(scene)
                self._tell(self.on_scene)
                self._tell(self.on_posed)

    def _take(self, scene: Scene) -> None:
        """Show ``scene``; joints that it still has stay where they are."""
        before = {} if not hasattr(self, "_assets") else dict(self._postures)
        self._scene = scene
        self._assets = {asset.name: asset for asset in scene.assets}
        controls = (c for asset in self._assets.values() for c in joint_controls(asset))
        self._controls = tuple(controls)
        self._stand()
        for control in self._controls:
            old = before.get(control.asset)
            if old is not None and control.joint in old.positions and control.leader is None:
                asset, now = self._assets[control.asset], self._postures[control.asset]
                self._postures[control.asset] = now.moved(
                    asset, control, old.positions[control.joint]
                )

    def _stand(self) -> None:
        self._postures = {n: Posture.at(a, self._time_s) for n, a in self._assets.items()}

    @staticmethod
    def _tell(listeners: list[Callable[[], None]]) -> None:
        for listener in listeners:
            listener()

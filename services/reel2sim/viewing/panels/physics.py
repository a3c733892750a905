"""Physics on: gravity, links pulled with the mouse, balls."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.scene import Scene
from reel2sim.scene.errors import Reel2SimError
from reel2sim.viewing.controls import JointControl
from reel2sim.viewing.panels.telling import tell
from reel2sim.viewing.session import Session

if TYPE_CHECKING:
    from viser import GuiApi, ViserServer

    from reel2sim.viewing.playground import Playground

_BALL_COLOR = (230, 159, 0)
_HAND_COLOR = (213, 94, 0)
_RUNNING = "It runs: drag a part with the mouse."
_RESTING = "While it runs, parts can be dragged with the mouse."


class PhysicsPanel:
    """Runs a playground while its box is ticked.

    Args:
        server: shows balls and says what is dragged.
        session: what is simulated, and follows it.
    """

    def __init__(self, server: ViserServer, session: Session) -> None:
        self._server, self._session = server, session
        self._lock = threading.RLock()
        self._ground: Playground | None = None
        self._grips: list[Any] = []
        self._balls: dict[int, Any] = {}
        self._hand: Any = None
        self._held: dict[str, dict[str, float]] = {}
        self._pulling, self._time_s, self._closed = False, 0.0, False
        self._add(server.gui)
        session.on_scene.append(self._renew)
        session.on_moved.append(self._aim)

    @property
    def running(self) -> bool:
        """Whether physics is on."""
        return self._ground is not None

    def tick(self, seconds: float) -> None:
        """Let time pass, and show where everything is."""
        with self._lock:
            if self._ground is None:
                return
            self._follow_time()
            self._ground.hold(self._held if self._motors.value else None)
            self._ground.advance(seconds)
            postures, balls = self._ground.postures(), self._ground.balls()
        # Not within our lock: who holds the session's may wait for ours, never the other way.
        self._session.pose(postures)
        for ball in balls:
            handle = self._balls.get(ball.number)
            if handle is not None:
                handle.position = ball.center

    def _add(self, gui: GuiApi) -> None:
        self._box = gui.add_checkbox("Physics", False, hint="PyBullet, in real time")
        self._state = gui.add_markdown(_RESTING)
        self._gravity = gui.add_vector3("gravity", tuple(self._session.scene.gravity), step=0.01)
        self._motors = gui.add_checkbox(
            "Motors hold the joints", False, hint="where sliders put them, within their efforts"
        )
        ball, back = gui.add_button("Drop a ball"), gui.add_button("Back to the motion")

        @self._box.on_update
        def _(event: Any) -> None:
            if event.client is None:  # it was ticked by what it would do
                return
            try:
                self.start() if self._box.value else self.stop()
            except Reel2SimError as error:
                self.stop()
                tell(event, error)

        @self._gravity.on_update
        def _(_event: Any) -> None:
            with self._lock:
                if self._ground is not None:
                    self._ground.set_gravity(self._gravity.value)

        @ball.on_click
        def _(_event: Any) -> None:
            self.drop_ball()

        @back.on_click
        def _(_event: Any) -> None:
            self.stop()
            self._session.seek(self._session.time_s)

        @self._motors.on_update
        def _(_event: Any) -> None:
            self._held = self._session.positions()

    def _follow_time(self) -> None:
        """Have motors go where the reel shows the joints, if its time is moved."""
        session = self._session
        if session.time_s != self._time_s:
            self._time_s = session.time_s
            assets = session.assets.items()
            self._held = {name: asset.motion.sample(self._time_s)[1] for name, asset in assets}

    def _aim(self, control: JointControl, position: float) -> None:
        """A slider was moved: that is where motors are to bring the joint."""
        self._held.setdefault(control.asset, {})[control.joint] = position

    def start(self) -> None:
        """Begin, or begin anew, in a world in which everything is where it is seen.

        Raises:
            ExportError: if a joint cannot be said in URDF.
            BundleError: if PyBullet cannot load an asset.
        """
        from reel2sim.viewing.playground import Playground

        session = self._session
        with session.lock:
            scene = session.scene
            postures = {name: session.posture(name) for name in session.assets}
            held = session.positions()
        ground = Playground(scene, postures)
        ground.set_gravity(self._gravity.value)
        with self._lock:
            if self._closed:
                ground.close()
                return
            self._clear()
            self._held, self._ground = held, ground
            self._time_s, session.simulated = session.time_s, True
            self._add_grips(scene)
            self._box.value = True
            self._state.content = _RUNNING

    def stop(self) -> None:
        """End; everything stays where it is."""
        with self._lock:
            self._clear()
            self._box.value = False
            self._state.content = _RESTING

    def close(self) -> None:
        """End for good: a world that is being built at this moment is not used any more."""
        with self._lock:
            self._closed = True
            self._clear()

    def _clear(self) -> None:
        """Empty the world and take away what stood for it."""
        if self._ground is not None:
            self._ground.close()
        self._ground, self._session.simulated = None, False
        nodes = self._server.scene
        for handle in (*self._grips, *self._balls.values()):
            # An edit may have taken a part away, with all that hung on it.
            if nodes.get_handle_by_name(handle.name) is handle:
                handle.remove()
        self._grips, self._balls = [], {}
        self._hide_hand()

    def _renew(self) -> None:
        """The scene is another: gravity may be, and the world has to be."""
        self._gravity.value = np.array(self._session.scene.gravity)
        if self.running:
            threading.Thread(target=self._restart, daemon=True).start()

    def _restart(self) -> None:
        try:
            self.start()
        except Reel2SimError:
            self.stop()  # whoever ticks the box again is told why

    def drop_ball(self) -> None:
        """Let a ball fall; nothing if physics is off."""
        with self._lock:
            if self._ground is None:
                return
            ball = self._ground.drop_ball()
            self._balls[ball.number] = self._server.scene.add_icosphere(
                f"/balls/{ball.number}", ball.radius, color=_BALL_COLOR, position=ball.center
            )
            alive = {found.number for found in self._ground.balls()}
            for number in set(self._balls) - alive:
                self._balls.pop(number).remove()

    def _add_grips(self, scene: Scene) -> None:
        """Invisible shapes to take hold of: splats cannot be hit by a mouse."""
        api = self._server.scene
        for asset in scene.assets:
            for i, link in enumerate(asset.links):
                if not len(link.visual.faces):
                    continue
                grip = api.add_mesh_simple(
                    f"/scene/{asset.name}/{link.name}/grip",
                    link.visual.vertices,
                    link.visual.faces,
                    opacity=0.0,
                    side="double",
                    cast_shadow=False,
                    receive_shadow=False,
                )
                self._connect(grip, asset.name, i)
                self._grips.append(grip)

    def _connect(self, grip: Any, asset: str, link: int) -> None:
        # On the server's loop, so that a drag's start comes before its end.
        @grip.on_drag("left")
        async def _(event: Any) -> None:
            with self._lock:
                if self._ground is None:
                    return
                if event.phase == "start":
                    self._pulling = self._ground.grab(asset, link, event.start_position)
                if event.phase == "end":
                    self._ground.let_go()
                    self._hide_hand()
                if event.phase == "end" or not self._pulling:
                    return
                self._ground.pull(event.end_position)
            self._show_hand(event.start_position, event.end_position)

    def _show_hand(self, held: Any, hand: Any) -> None:
        points = np.array([[held, hand]])
        if self._hand is not None:
            self._hand.points = points
            return
        self._hand = self._server.scene.add_line_segments(
            "/hand", points, _HAND_COLOR, thickness=3.0, thickness_units="screen"
        )

    def _hide_hand(self) -> None:
        if self._hand is not None:
            self._hand.remove()
        self._hand = None

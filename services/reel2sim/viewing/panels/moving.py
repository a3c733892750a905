"""Assets moved to other places, by numbers or by the mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.editing.edits import Edit, Move
from reel2sim.scene import Placement
from reel2sim.viewing.extent import Extent
from reel2sim.viewing.session import Session

if TYPE_CHECKING:
    from viser import ViserServer


class MovePanel:
    """Where an asset's foot stands, and a handle for the mouse.

    Args:
        server: where controls and the handle are added.
        session: what is moved.
        make: makes an edit, and tells an event's client if it cannot be made.
    """

    def __init__(
        self,
        server: ViserServer,
        session: Session,
        *,
        make: Callable[[Any, Callable[[], Edit]], None],
    ) -> None:
        self._server, self._session, self._make = server, session, make
        self._handle: Any = None
        gui = server.gui
        self._asset = gui.add_dropdown("asset", tuple(session.assets) or ("(none)",))
        self._at = gui.add_vector3("foot, m", (0.0, 0.0, 0.0), step=0.01)
        self._turn = gui.add_number("turn, degrees", 0.0, step=5.0)
        move = gui.add_button("Move there")
        self._mouse = gui.add_checkbox("Move with the mouse", False)
        move.on_click(lambda event: self._move(event, self._at.value, self._turn.value))
        self._asset.on_update(lambda _event: self._renew())
        self._mouse.on_update(lambda _event: self._renew())
        session.on_scene.append(self._renew)
        self._renew()

    def _move(self, event: Any, at: Any, turn_deg: float) -> None:
        name = self._asset.value
        x, y, z = (float(v) for v in at)
        self._make(event, lambda: Move(target=name, at=(x, y, z), turn_deg=float(turn_deg)))

    def _renew(self) -> None:
        with self._session.lock:
            names = tuple(self._session.assets) or ("(none)",)
            if self._asset.options != names:
                kept = self._asset.value if self._asset.value in names else names[0]
                self._asset.options = names
                self._asset.value = kept
            if self._handle is not None:
                self._handle.remove()
                self._handle = None
            if self._asset.value not in self._session.assets:
                return
            placement = self._session.scene.placement(self._asset.value)
            foot = _foot(placement)
            self._at.value, self._turn.value = tuple(foot.tolist()), 0.0
            if self._mouse.value:
                self._add_handle(foot, placement)

    def _add_handle(self, foot: Any, placement: Placement) -> None:
        size = Extent.around([placement.asset]).size
        self._handle = self._server.scene.add_transform_controls(
            "/move", scale=0.4 * size, position=foot, disable_rotations=True
        )

        @self._handle.on_update
        def _(event: Any) -> None:
            if event.phase == "end":
                self._move(event, event.target.position, 0.0)


def _foot(placement: Placement) -> Any:
    from reel2sim.editing.placing import foot_of

    return np.asarray(foot_of(placement.placed), dtype=np.float64)

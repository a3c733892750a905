"""A slider for every joint, with its limits and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reel2sim.scene import Joint
from reel2sim.viewing.controls import JointControl, described
from reel2sim.viewing.session import Session

if TYPE_CHECKING:
    from viser import GuiApi

_SYNC_S = 0.1
"""Seconds between the moments at which sliders are set to where moving joints are."""


class JointsPanel:
    """Moves joints, and follows them where something else does.

    Args:
        gui: where controls are added.
        session: what is moved.
        place: container of the sliders; they are made anew when there are other joints.
    """

    def __init__(self, gui: GuiApi, session: Session, place: Any) -> None:
        self._gui, self._session, self._place = gui, session, place
        self._controls: tuple[JointControl, ...] = ()
        self._joints: list[Joint] = []
        self._sliders: list[tuple[JointControl, Any]] = []
        self._made: list[Any] = []
        self._moved, self._waited_s = False, 0.0
        session.on_scene.append(self._renew)
        session.on_posed.append(self._note)
        self._renew()

    def tick(self, seconds: float) -> None:
        """Have sliders show where joints are by now."""
        self._waited_s += seconds
        if not self._moved or self._waited_s < _SYNC_S:
            return
        self._moved, self._waited_s = False, 0.0
        with self._session.lock:
            for control, slider in self._sliders:
                slider.value = self._session.position(control)

    def _note(self) -> None:
        self._moved = True

    def _renew(self) -> None:
        joints = [
            joint
            for asset in self._session.assets.values()
            for joint in asset.joints
            if joint.type.dof == 1
        ]
        if self._controls == self._session.controls and _same(joints, self._joints):
            return
        for handle in self._made:
            handle.remove()
        self._controls, self._joints = self._session.controls, joints
        self._made, self._sliders = [], []
        several = len(self._session.assets) > 1
        with self._place:
            for control, joint in zip(self._controls, joints, strict=True):
                owner = f"{control.asset}/" if several else ""
                self._add(control, joint, f"{owner}{joint.name}")
            if not self._controls:
                self._made.append(self._gui.add_markdown("No joint moves."))

    def _add(self, control: JointControl, joint: Joint, label: str) -> None:
        slider = self._gui.add_slider(
            label,
            control.lower,
            max(control.upper, control.lower),
            control.step,
            self._session.position(control),
            disabled=control.leader is not None,
            hint=joint.reason or None,
        )
        about = self._gui.add_markdown(described(joint, control))
        self._made += [slider, about]
        self._sliders.append((control, slider))

        # On the server's own loop, where updates stay in order; forward kinematics is quick.
        @slider.on_update
        async def _(event: Any) -> None:
            if event.client is not None:
                self._session.move_joint(control, slider.value)


def _same(some: list[Joint], others: list[Joint]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))

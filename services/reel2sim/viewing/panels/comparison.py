"""The input beside what was made of it, from the same camera at the same time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from reel2sim.scene import Camera, Frame, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.viewing.footage import Footage
from reel2sim.viewing.session import Session

if TYPE_CHECKING:
    from viser import GuiApi

_SIDE = 320
"""Longer side of each of the two pictures, pixels."""
_GAP = 4
"""White pixels between them."""


class ComparisonPanel:
    """Shows a frame of the input, and the surfels as they now stand drawn by its camera.

    Args:
        gui: where controls are added.
        session: what is drawn.
        footage: what it is compared with.
    """

    def __init__(self, gui: GuiApi, session: Session, footage: Footage) -> None:
        self._session, self._footage = session, footage
        self._stale = threading.Event()
        self._stale.set()
        self._drawing: threading.Thread | None = None
        streams = footage.streams
        self._stream = gui.add_dropdown("camera", streams, visible=len(streams) > 1)
        self._picture = gui.add_image(self._input_alone(), label="input | render")
        self._about = gui.add_markdown("")
        self._stream.on_update(lambda _event: self._stale.set())
        session.on_posed.append(self._stale.set)

    def tick(self, seconds: float) -> None:
        """Draw again if something moved; in a thread, since it takes longer than a tick."""
        busy = self._drawing is not None and self._drawing.is_alive()
        if not busy and self._stale.is_set():
            self._stale.clear()
            self._drawing = threading.Thread(target=self._draw, name="comparison", daemon=True)
            self._drawing.start()

    def _frame(self) -> Frame:
        return self._footage.at(self._session.time_s, self._stream.value)

    def _input_alone(self) -> Array:
        return self._footage.picture(self._frame(), _SIDE)

    def _draw(self) -> None:
        frame, session = self._frame(), self._session
        given = self._footage.picture(frame, _SIDE)
        if frame.camera is None:
            self._picture.image = given
            self._about.content = f"{frame.time_s:.2f} s · its camera is not known"
            return
        height, width = given.shape[:2]
        drawn = drawn_over_white(session.surfels(), frame.camera.resized(width, height))
        self._picture.image = side_by_side(given, drawn)
        self._about.content = f"{frame.time_s:.2f} s of the input"


def drawn_over_white(surfels: Surfels, camera: Camera) -> Array:
    """What ``camera`` sees of ``surfels`` ``(h, w, 3)``, uint8."""
    from reel2sim.reconstruction.render import render

    shown: Any = render(surfels, camera)
    over = shown.rgb + (1.0 - np.clip(shown.alpha, 0.0, 1.0))[..., None]
    return np.rint(np.clip(over, 0.0, 1.0) * 255).astype(np.uint8)


def side_by_side(left: Array, right: Array) -> Array:
    """Two pictures of one height with a gap between them."""
    gap = np.full((len(left), _GAP, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)

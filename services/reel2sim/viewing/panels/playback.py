"""The motion that the reel showed, played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reel2sim.viewing.session import Session

if TYPE_CHECKING:
    from viser import GuiApi

_SPEEDS = {"¼ ×": 0.25, "½ ×": 0.5, "1 ×": 1.0, "2 ×": 2.0, "4 ×": 4.0}
_SYNC_S = 0.1


class PlaybackPanel:
    """A slider of time, and a button that moves it.

    Args:
        gui: where controls are added.
        session: what is played.
    """

    def __init__(self, gui: GuiApi, session: Session) -> None:
        self._session = session
        self._playing, self._waited_s = False, 0.0
        span = session.stop_s - session.start_s
        self._time = gui.add_slider(
            "time, s",
            session.start_s,
            session.stop_s,
            max(span / 500, 1e-3),
            session.time_s,
            disabled=span <= 0,
        )
        self._button = gui.add_button("Play", disabled=span <= 0)
        self._speed = gui.add_dropdown("speed", tuple(_SPEEDS), initial_value="1 ×")

        session.on_scene.append(self._renew)

        @self._time.on_update
        async def _(event: Any) -> None:
            if event.client is not None:
                session.seek(self._time.value)

        @self._button.on_click
        async def _(_event: Any) -> None:
            self.play(not self._playing)

    @property
    def playing(self) -> bool:
        """Whether time goes on."""
        return self._playing

    def play(self, playing: bool) -> None:
        """Start, or hold."""
        self._playing = playing
        self._button.label = "Pause" if playing else "Play"

    def _renew(self) -> None:
        """The scene is another: so may be the span of its motions."""
        start, stop = self._session.start_s, self._session.stop_s
        self._time.min, self._time.max = start, stop
        self._time.disabled = self._button.disabled = stop <= start

    def tick(self, seconds: float) -> None:
        """Go on, from the end to the start again."""
        if self._playing:
            session = self._session
            time_s = session.time_s + seconds * _SPEEDS[self._speed.value]
            session.seek(time_s if time_s <= session.stop_s else session.start_s)
        self._waited_s += seconds
        if self._waited_s >= _SYNC_S:
            self._waited_s = 0.0
            self._time.value = min(max(self._session.time_s, self._time.min), self._time.max)

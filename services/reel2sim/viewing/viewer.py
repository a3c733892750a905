"""A viewer on a port: the stage, the panels, and the thread that moves them."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reel2sim.scene.errors import MissingDependencyError, UnavailableError, UsageError
from reel2sim.viewing.extent import Extent
from reel2sim.viewing.footage import Footage
from reel2sim.viewing.layers import LAYERS, Layer
from reel2sim.viewing.layers.cameras import Cameras
from reel2sim.viewing.page import Gate, page_of, through
from reel2sim.viewing.panels.comparison import ComparisonPanel
from reel2sim.viewing.panels.edits import EditsPanel
from reel2sim.viewing.panels.joints import JointsPanel
from reel2sim.viewing.panels.layers import LayersPanel
from reel2sim.viewing.panels.physics import PhysicsPanel
from reel2sim.viewing.panels.playback import PlaybackPanel
from reel2sim.viewing.session import Session
from reel2sim.viewing.stage import Stage
from reel2sim.viewing.ticker import Ticker
from reel2sim.viewing.workspace import Workspace

if TYPE_CHECKING:
    from viser import ViserServer

FOV_Y = 0.7
"""Vertical field of view that a browser starts with, radians."""

_BRAND = (24, 84, 144)
"""Dark enough for white letters to be read on it."""


@dataclass(frozen=True, kw_only=True)
class ViewerOptions:
    """Where a viewer is and what it shows at first.

    Attributes:
        host: address to bind.
        port: port to bind; 0 is any that is free.
        shown: names of the layers that are seen; None is the usual ones.
        save_to: folder that edited scenes are saved in.
        docked: whether controls stand beside the picture, or lie over it.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    shown: tuple[str, ...] | None = None
    save_to: Path = field(default_factory=Path.cwd)
    docked: bool = True


class Viewer:
    """Serves until it is closed; a context manager.

    Args:
        workspace: what is shown.
        footage: what it was made from, if that is at hand.
        options: where and how.

    Attributes:
        session: what is shown and how it stands.
        stage: which layers are seen.
        physics: physics on and off.

    Raises:
        MissingDependencyError: if viser is not installed.
        UnavailableError: if the port is taken.
        UsageError: if there is no layer of a name.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        footage: Footage | None = None,
        options: ViewerOptions | None = None,
    ) -> None:
        self.options = options or ViewerOptions()
        layers = all_layers(footage)
        shown = _shown(layers, self.options.shown)
        self.session = Session(workspace)
        self.server = _serve(self.options, title=f"{self.session.scene_title} · Reel2Sim")
        self.ticker = Ticker()
        self._opened = contextlib.ExitStack()
        self._opened.callback(self._stop_serving)
        try:
            self.stage = Stage(self.server, self.session, layers, shown)
            self._look(footage if "cameras" in shown else None)
            self._furnish(footage)
        except BaseException:
            self.close()
            raise
        self._opened.callback(self.physics.close)
        self._opened.callback(self.ticker.stop)
        self._opened.callback(self._late.join)
        self.ticker.start()
        self._late.start()

    @property
    def port(self) -> int:
        """The port that is bound."""
        return self.server.get_port()

    @property
    def address(self) -> str:
        """What to open in a browser on this machine."""
        host = self.options.host
        host = "localhost" if host in ("0.0.0.0", "::", "") else host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def close(self) -> None:
        """Stop serving; more calls do nothing."""
        self._opened.close()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop_serving(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):  # it says that it stops
            self.server.stop()

    def _add_edits(self, tab: Any) -> None:
        """Add what edits; it loads for seconds, in which all else can be used already."""
        with tab:
            note = self.server.gui.add_markdown("Loading …")
            EditsPanel(self.server, self.session, save_to=self.options.save_to)
            note.remove()

    def _look(self, footage: Footage | None) -> None:
        """Have browsers start with all in view, the cameras of ``footage``, too."""
        extent, camera = Extent.of(self.session.scene), self.server.initial_camera
        if footage is not None:
            extent = extent.with_points(footage.positions)
        camera.fov = FOV_Y
        camera.look_at = tuple(extent.center)
        camera.position = tuple(extent.eye(fov_y=FOV_Y))
        camera.near, camera.far = 0.01 * extent.size, 100.0 * extent.size

    def _furnish(self, footage: Footage | None) -> None:
        gui, session = self.server.gui, self.session
        gui.configure_theme(
            show_logo=False, show_share_button=False, control_width="large", brand_color=_BRAND
        )
        if self.options.docked:
            gui.main_panel.dock_right()
        playback = PlaybackPanel(gui, session)
        tabs = gui.add_tab_group()
        joints = JointsPanel(gui, session, tabs.add_tab("Joints"))
        with tabs.add_tab("Layers"):
            LayersPanel(gui, self.stage)
        with tabs.add_tab("Physics"):
            self.physics = PhysicsPanel(self.server, session)
        self._late = threading.Thread(target=self._add_edits, args=(tabs.add_tab("Edit"),))
        self.ticker.tasks += [playback.tick, self.physics.tick, joints.tick]
        if footage is not None:
            panel = gui.add_panel()
            with panel.add_tab("Compare"):
                self.ticker.tasks.append(ComparisonPanel(gui, session, footage).tick)
            panel.dock_left()


def all_layers(footage: Footage | None = None) -> tuple[Layer, ...]:
    """Every layer there is; cameras show the frames of ``footage``."""
    return (*(kind() for kind in LAYERS), Cameras(footage))


def _shown(layers: Sequence[Layer], wanted: Sequence[str] | None) -> tuple[str, ...]:
    names = [layer.name for layer in layers]
    for name in wanted or ():
        if name not in names:
            raise UsageError(
                f"there is no layer {name!r}", field="layers", remedy=f"use {', '.join(names)}"
            )
    return tuple(layer.name for layer in layers if layer.shown) if wanted is None else tuple(wanted)


def _serve(options: ViewerOptions, *, title: str) -> ViserServer:
    """A server with our page.

    Raises:
        MissingDependencyError: if viser is not installed.
        UnavailableError: if the port is taken or cannot be bound.
    """
    try:
        import viser
    except ImportError as cause:
        raise MissingDependencyError(
            f"cannot be imported: {cause}", source="viser", remedy="pip install 'reel2sim[view]'"
        ) from cause
    _require_free(options)
    original = Path(viser.__file__).parent / "client" / "build" / "index.html"
    page = page_of(original.read_text(encoding="utf-8"), title=title)
    gate = Gate(page, host=options.host)
    with through(gate), contextlib.redirect_stdout(io.StringIO()):  # it prints a table
        server = viser.ViserServer(host=options.host, port=options.port, verbose=False)
    # A page may ask viser to make the port public through somebody else's machine.
    server.request_share_url = lambda verbose=True: None
    if options.port and server.get_port() != options.port:  # taken in this very moment
        server.stop()
        raise _taken(options)
    return server


def _require_free(options: ViewerOptions) -> None:
    """Raise UnavailableError if the port cannot be bound: viser would silently take another."""
    try:
        found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as cause:
        raise _taken(options, cause) from cause


def _taken(options: ViewerOptions, cause: Any = None) -> UnavailableError:
    why = getattr(cause, "strerror", None) or "is in use"
    return UnavailableError(
        f"cannot be bound: {why}",
        source=f"{options.host}:{options.port}",
        field="port",
        remedy="name another with --port, or 0 for any",
    )

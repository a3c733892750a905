"""``reel2sim view``."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, Flag, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.viewing.session import Session
    from reel2sim.viewing.viewer import Viewer


@dataclass(frozen=True, kw_only=True)
class View:
    """Look at bundles in a browser: move joints, play the motion, switch physics on, edit.

    Several bundles stand beside each other in one scene. The page has a slider for every joint,
    with its limits and confidence; layers (splats, visual meshes, part colours, collision pieces,
    skeleton, joint axes, cameras, ground); the motion of the reel; physics in which parts can be
    dragged and balls dropped; and the edits of `reel2sim edit`, undone and saved as a new bundle.

    It needs no display: on another machine, run it there, and here
    `ssh -L 8080:localhost:8080 MACHINE`, then open http://localhost:8080/. Whoever reaches the
    port can use it; keep --host at 127.0.0.1 unless you trust your network.

    Examples:
      reel2sim view bundle
      reel2sim view bundle --input capture_folder
      reel2sim view cabinet laptop faucet --save-to scenes
      reel2sim view bundle --layers parts skeleton axes --joint hinge=0.4
      reel2sim view bundle --screenshot picture.png --size 800 600 --time 1.5
    """

    bundles: Annotated[tyro.conf.Positional[tuple[Path, ...]], shown("BUNDLE ...")]
    """Bundle folders of assets or scenes, .npz of either, or robot descriptions."""
    input: Annotated[Path | None, shown("CAPTURE")] = None
    """What the bundle was made from, a capture folder or video: shows the input beside the
    render, and gives the layer of cameras their frames."""
    layers: Annotated[tuple[str, ...], shown("LAYER ...")] = ()
    """Layers to see at first: splats visual parts collision skeleton axes ground cameras. If not
    given, splats and ground."""
    joint: Annotated[tuple[str, ...], shown("JOINT=POSITION ...")] = ()
    """Where joints are at first, radians or metres; of several bundles asset/joint=position."""
    time: Annotated[float | None, shown("T")] = None
    """Show the motion as it was at this time, in seconds, at first."""
    host: Annotated[str, tyro.conf.arg(metavar="ADDRESS")] = "127.0.0.1"
    """Address to serve on; 0.0.0.0 is every one of this machine."""
    port: Annotated[int, tyro.conf.arg(metavar="N")] = 8080
    """Port to serve on; 0 is any that is free."""
    no_open: Flag = False
    """Do not open the page in a browser, which is done where there is a display."""
    save_to: Annotated[Path | None, shown("DIR")] = None
    """Folder in which the page saves bundles; if not given, that of the first bundle."""
    screenshot: Annotated[Path | None, shown("FILE")] = None
    """Write a picture of the scene (.png) and end. Needs Chromium, which runs without a window."""
    size: Annotated[tuple[int, int], tyro.conf.arg(metavar="W H")] = (1280, 720)
    """Of the picture, pixels."""
    panels: Flag = False
    """Have the page's controls in the picture, too."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Serve until Ctrl-C, or write a picture."""
        from reel2sim.viewing.browser import find_browser
        from reel2sim.viewing.footage import Footage
        from reel2sim.viewing.viewer import Viewer, ViewerOptions
        from reel2sim.viewing.workspace import Workspace

        self._check()
        if self.screenshot is not None:
            find_browser()
        workspace = Workspace.open(self.bundles)
        footage = None if self.input is None else Footage.load(self.input)
        options = ViewerOptions(
            host=self.host,
            port=0 if self.screenshot is not None else self.port,
            shown=tuple(dict.fromkeys(self.layers)) or None,
            docked=self.screenshot is None or self.panels,
            save_to=self.save_to or self.bundles[0].resolve().parent,
        )
        with Viewer(workspace, footage=footage, options=options) as viewer:
            self._pose(viewer.session)
            if self.screenshot is not None:
                self._picture(console, viewer, self.screenshot)
            else:
                self._serve(console, viewer)
        return 0

    def _check(self) -> None:
        from reel2sim.scene.errors import UsageError

        if not self.bundles:
            raise UsageError("name at least one bundle", field="BUNDLE")
        if not 0 <= self.port <= 65535:
            raise UsageError(f"{self.port} is no port", field="port", remedy="0 to 65535")
        if any(not 16 <= side <= 8192 for side in self.size):
            raise UsageError("is no size", field="size", remedy="give pixels from 16 to 8192")

    def _pose(self, session: Session) -> None:
        """Put time and joints where the options want them."""
        from reel2sim.scene.errors import NotFoundError, UsageError

        if self.time is not None:
            session.seek(self.time)
        for text in self.joint:
            name, _, value = text.partition("=")
            known = {f"{c.asset}/{c.joint}": c for c in session.controls}
            short = [c for c in session.controls if c.joint == name]
            found = [known[name]] if name in known else short
            if len(found) != 1:
                raise NotFoundError(
                    f"{name!r} is {'several joints' if found else 'no joint that moves'}",
                    field="joint",
                    remedy=f"use one of {', '.join(known) or 'none, nothing moves'}",
                )
            try:
                session.move_joint(found[0], float(value))
            except ValueError as cause:
                raise UsageError(f"{text!r} is not joint=position", field="joint") from cause

    def _picture(self, console: Console, viewer: Viewer, path: Path) -> None:
        from reel2sim.viewing.screenshot import screenshot

        width, height = self.size
        screenshot(viewer, path, width=width, height=height, panels=self.panels)
        console.result({"picture": str(path)}, str(path))

    def _serve(self, console: Console, viewer: Viewer) -> None:
        try:
            self._tell(console, viewer)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.note("")  # the terminal has written ^C

    def _tell(self, console: Console, viewer: Viewer) -> None:
        """Say where it is, and open it."""
        record = {"address": viewer.address, "host": self.host, "port": viewer.port}
        console.result(record, f"{viewer.address}  (Ctrl-C ends it)")
        if self.host not in ("127.0.0.1", "localhost", "::1"):
            console.note(f"whoever reaches {self.host}:{viewer.port} can look, edit and save")
        if not self.no_open and _has_display():
            import webbrowser

            webbrowser.open(viewer.address)


def _has_display() -> bool:
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

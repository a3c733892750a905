"""A picture of what a viewer shows, for scripts."""

from __future__ import annotations

import time
from pathlib import Path

from reel2sim.scene.errors import ExportError, UnavailableError
from reel2sim.viewing.browser import Tab, browser_tab
from reel2sim.viewing.viewer import Viewer

_CONNECT_S = 60.0
_SETTLE_S = 20.0
"""After which a picture is taken even if the page still changes, as while something is played."""
_SCENE_ONLY = """
document.head.append(Object.assign(document.createElement('style'), {
  textContent: 'body * { visibility: hidden !important } canvas { visibility: visible !important }'
}))
"""
# What viser says in passing, such as that there is no graphics card, is none of the picture.
_NO_NOTES = """
document.head.append(Object.assign(document.createElement('style'), {
  textContent: '[class*=Notification] { display: none !important }'
}))
"""


def screenshot(
    viewer: Viewer, path: Path, *, width: int = 1280, height: int = 720, panels: bool = False
) -> None:
    """Open the viewer in a browser without a window and write what is seen as PNG.

    Args:
        viewer: what is looked at.
        path: file to write.
        width: of the page, pixels.
        height: of the page, pixels.
        panels: whether its controls are in the picture, too.

    Raises:
        MissingDependencyError: if no browser is installed.
        UnavailableError: if it shows nothing.
        ExportError: if the file cannot be written.
    """
    with browser_tab(viewer.address, width=width, height=height) as tab:
        _wait_until_shown(viewer)
        tab.run(_NO_NOTES if panels else _SCENE_ONLY)
        picture = _settled(tab)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    except OSError as cause:
        raise ExportError(f"cannot be written: {cause.strerror}", source=path) from cause


def _wait_until_shown(viewer: Viewer) -> None:
    """Until a page has connected and drawn all that it was sent."""
    deadline = time.monotonic() + _CONNECT_S
    while time.monotonic() < deadline:
        for client in viewer.server.get_clients().values():
            try:
                # It is answered after everything that was sent before has arrived.
                client.get_render(64, 64, timeout=max(deadline - time.monotonic(), 1.0))
            except (RuntimeError, TimeoutError):
                continue
            return
        time.sleep(0.05)
    raise UnavailableError("the page did not connect", source="browser")


def _settled(tab: Tab) -> bytes:
    """The picture once it stays the same: splats are sorted while the page is seen already."""
    deadline = time.monotonic() + _SETTLE_S
    last, same = b"", 0
    while time.monotonic() < deadline and same < 2:
        time.sleep(0.3)
        picture = tab.picture()
        same = same + 1 if picture == last else 0
        last = picture
    return last

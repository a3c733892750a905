"""A Chromium without a window, asked for pictures by its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reel2sim.scene.errors import MissingDependencyError, UnavailableError

BROWSER_VARIABLE = "REEL2SIM_BROWSER"
"""Environment variable that names the browser to use."""
_NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge",
)  # fmt: skip
_FLAGS = (
    "--headless=new", "--no-first-run", "--no-default-browser-check", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--remote-debugging-port=0",
)  # fmt: skip
_START_S = 30.0
_ANSWER_S = 60.0


def find_browser() -> str:
    """The program to run.

    Raises:
        MissingDependencyError: if there is none.
    """
    named = os.environ.get(BROWSER_VARIABLE)
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        missing = f"{named} of ${BROWSER_VARIABLE}" if named else "no Chromium or Chrome"
        raise MissingDependencyError(
            f"{missing} was found, and pictures of the page need one",
            source="browser",
            remedy=f"install chromium, or set ${BROWSER_VARIABLE} to a browser like it",
        )
    return found


class Tab:
    """One page of a browser.

    Args:
        socket: connection to it.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._events: deque[dict[str, Any]] = deque(maxlen=1000)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result.

        Raises:
            UnavailableError: if the browser refuses or does not answer.
        """
        number = next(self._ids)
        call = {"id": number, "method": method, "params": parameters}
        try:
            self._socket.send(json.dumps(call))
            while True:
                answer = json.loads(self._socket.recv(timeout=_ANSWER_S))
                if answer.get("id") == number:
                    break
                self._events.append(answer)
        except Exception as cause:
            raise UnavailableError(
                f"does not answer {method}: {cause or type(cause).__name__}", source="browser"
            ) from cause
        if "error" in answer:
            raise UnavailableError(f"refused {method}: {answer['error']}", source="browser")
        return answer["result"]

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        result = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        return result["result"].get("value")

    def shown(self, timeout: float = _ANSWER_S) -> bytes:
        """The next picture that is shown, as PNG, after ``Page.startScreencast``.

        Unlike :meth:`picture` it has nothing drawn for it.

        Raises:
            UnavailableError: if nothing is.
        """
        while True:
            try:
                waiting = self._events.popleft() if self._events else None
                event = waiting or json.loads(self._socket.recv(timeout=timeout))
            except TimeoutError as cause:
                raise UnavailableError("shows nothing new", source="browser") from cause
            if event.get("method") == "Page.screencastFrame":
                found = event["params"]
                self.ask("Page.screencastFrameAck", sessionId=found["sessionId"])
                return base64.b64decode(found["data"])

    def picture(self) -> bytes:
        """What is seen, as PNG; it is drawn several times for that."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])


@contextmanager
def browser_tab(url: str, *, width: int, height: int) -> Iterator[Tab]:
    """A browser with one page of ``width`` × ``height`` pixels at ``url``, ended afterwards.

    Raises:
        MissingDependencyError: if no browser is installed.
        UnavailableError: if it does not start.
    """
    from websockets.sync.client import connect

    program = find_browser()
    # Chromium's sandbox does not work for root, who has to do without it to see anything.
    more = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="reel2sim-", ignore_cleanup_errors=True) as profile:
        size = f"--window-size={width},{height}"
        command = [program, *_FLAGS, *more, size, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            with connect(_target(Path(profile), process), max_size=None, proxy=None) as socket:
                tab = Tab(socket)
                tab.ask(
                    "Emulation.setDeviceMetricsOverride",
                    width=width, height=height, deviceScaleFactor=1, mobile=False,
                )  # fmt: skip
                tab.ask("Page.enable")
                tab.ask("Page.navigate", url=url)
                yield tab
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _target(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Address of the socket of the first page."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            port = int((profile / "DevToolsActivePort").read_text().split()[0])
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer:
                pages = [x for x in json.load(answer) if x["type"] == "page"]
            if pages:
                return pages[0]["webSocketDebuggerUrl"]
        except (OSError, ValueError, IndexError):
            pass
        time.sleep(0.05)
    raise UnavailableError("did not start", source="browser")

"""Viser's page with names for its controls, kept to one machine and away from the network.

Viser serves a page of one file that needs nothing from elsewhere, to anybody, and lets any site
that a browser has open talk to its port. This stands between: the page gets a policy that forbids
it to load anything, controls get the names that readers of screens need, and who comes from
another site, or by a name that another machine gave this one, is sent away.
"""

from __future__ import annotations

import gzip
import html
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reel2sim.scene.errors import MissingDependencyError

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

_HERE = Path(__file__).parent
_HOST = re.compile(r"[\w.\-]+(:\d+)?\Z|\[[0-9A-Fa-f:]+\](:\d+)?\Z")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Its scripts are unpacked in the page itself and sort splats in workers made of blobs.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob: data:; "
    "worker-src blob: data:; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "connect-src 'self' ws://{host} blob: data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def page_of(original: str, *, title: str) -> bytes:
    """``original`` with our title, style and script.

    Raises:
        MissingDependencyError: if it is not the page that is known.
    """
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "names.js").read_text(encoding="utf-8")
    parted = re.split(r"<title>[^<]*</title>", original, maxsplit=1)
    if len(parted) != 2:
        raise _unknown_viser("its page has no title")
    before, after = parted
    own = f"<title>{html.escape(title)}</title><style>{style}</style><script>{script}</script>"
    return f"{before}{own}{after}".encode()


class Gate:
    """Answers what comes to the port before viser does.

    Args:
        page: what is served.
        host: address that is bound; names of other machines are refused if it is a loopback one.
    """

    def __init__(self, page: bytes, *, host: str) -> None:
        self._page = gzip.compress(page, 6)
        self._local = host in _LOOPBACK

    def __call__(self, connection: Any, request: Request) -> Response | None:
        """Nothing to let a request through to the sockets, or what it gets instead."""
        host = request.headers.get("Host", "")
        if not self.admits(host, request.headers.get("Origin")):
            return self._answer(403, "Forbidden", b"this viewer serves its own machine\n")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        if request.path.partition("?")[0] != "/":
            return self._answer(404, "Not Found", b"not found\n")
        more = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Encoding": "gzip",
            "Content-Security-Policy": _POLICY.format(host=host),
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return self._answer(200, "OK", self._page, more)

    def admits(self, host: str, origin: str | None) -> bool:
        """Whether to answer who asks for ``host``, from a page of ``origin`` if any."""
        if not _HOST.match(host):
            return False
        name = urlsplit(f"//{host}").hostname or ""
        if self._local and name not in _LOOPBACK:
            return False
        return origin is None or urlsplit(origin).netloc == host

    @staticmethod
    def _answer(
        status: int, reason: str, body: bytes, more: dict[str, str] | None = None
    ) -> Response:
        from websockets.datastructures import Headers
        from websockets.http11 import Response

        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
            **(more or {}),
        }
        return Response(status, reason, Headers(headers), body)


@contextmanager
def through(gate: Gate) -> Iterator[None]:
    """Have a viser server that is started meanwhile ask ``gate`` first.

    Viser has no place for that, so what it opens its port with is stood in for as it starts.

    Raises:
        MissingDependencyError: if the server did not come by here.
    """
    from websockets.asyncio import server as sockets

    # Browsers open connections that they then do not use, and each would be told as an error.
    quiet = logging.getLogger("reel2sim.viewing.sockets")
    quiet.setLevel(logging.CRITICAL)
    plain, passed = sockets.serve, False

    def serve(*args: Any, **options: Any) -> Any:
        nonlocal passed
        passed = True
        return plain(*args, **{**options, "process_request": gate, "logger": quiet})

    sockets.serve = serve  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        sockets.serve = plain  # type: ignore[misc]
    if not passed:
        raise _unknown_viser("it opens its port in another way")


def _unknown_viser(why: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"is laid out in a way that is not known: {why}",
        source="viser",
        remedy="pip install 'reel2sim[view]', which installs a version that is",
    )

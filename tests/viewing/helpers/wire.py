"""A client of the viewer that is no browser: it reads what a page is sent and moves sliders."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import viser
import zstandard
from viser import _messages
from websockets.sync.client import ClientConnection, connect

CAMERA = _messages.ViewerCameraMessage(
    wxyz=(1.0, 0.0, 0.0, 0.0),
    position=(0.0, -2.0, 1.0),
    fov=0.7,
    near=0.01,
    far=100.0,
    image_height=64,
    image_width=64,
    look_at=(0.0, 0.0, 0.0),
    up_direction=(0.0, 0.0, 1.0),
)


class Wire:
    """A connection, and all that came over it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.received: list[dict[str, Any]] = []
        self.bytes = 0
        self._looked = 0

    def send(self, message: Any) -> None:
        self._socket.send(msgspec.msgpack.encode(message.as_serializable_dict()))

    def read(self, timeout: float = 10.0) -> None:
        """Take in the messages of the next window."""
        raw = self._socket.recv(timeout=timeout)
        assert isinstance(raw, bytes)
        self.bytes += len(raw)
        size = int.from_bytes(raw[8:16], "little")
        text = zstandard.ZstdDecompressor().decompress(raw[16 : 16 + size])
        self.received += msgspec.msgpack.decode(text)["messages"]

    def forget(self) -> None:
        """Drop what came so far."""
        self.received.clear()
        self._looked = 0

    def until(self, kind: str, timeout: float = 20.0, **fields: Any) -> dict[str, Any]:
        """The next message of a kind with such fields, after the one that was waited for last."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            while self._looked < len(self.received):
                message = self.received[self._looked]
                self._looked += 1
                if message["type"] == kind and all(message[k] == v for k, v in fields.items()):
                    return message
            self.read()
        raise AssertionError(f"no {kind} came")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message["type"] == kind]

    def set(self, uuid: str, value: Any) -> None:
        self.send(_messages.GuiUpdateMessage(uuid, {"value": value}))

    def control(self, label: str) -> str:
        """The number of the control with a label, once it is there."""
        for k in itertools.count():
            while k >= len(self.received):
                self.read()
            message = self.received[k]
            if message["type"].startswith("Gui") and message.get("props", {}).get("label") == label:
                return message["uuid"]
        raise AssertionError


@contextmanager
def connected(port: int, *, origin: str | None = None, host: str = "127.0.0.1") -> Iterator[Wire]:
    """A client to which all of the scene has been sent."""
    protocol = f"viser-v{viser.__version__}"
    with connect(
        f"ws://{host}:{port}/",
        subprotocols=[protocol],  # type: ignore[list-item]
        origin=origin,  # type: ignore[arg-type]
        max_size=None,
        compression=None,
        proxy=None,
    ) as socket:
        wire = Wire(socket)
        wire.send(CAMERA)
        wire.until("ReplayDoneMessage")
        yield wire

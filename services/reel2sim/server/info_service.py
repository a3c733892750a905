"""The service that tells what this server is and can do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import grpc

from reel2sim.pipeline.toolchain import standard_toolchain
from reel2sim.scene.errors import UsageError
from reel2sim.server.config import ServerConfig
from reel2sim.server.observer import Observer
from reel2sim.server.pictures import MAX_PICTURE_BYTES
from reel2sim.server.status import Status, status_message
from reel2sim.server.uploads import MAX_CHUNK
from reel2sim.v1 import common_pb2 as common
from reel2sim.v1 import server_info_pb2, server_info_pb2_grpc

MAX_MESSAGE = 4 << 20
_DEFAULT_ENDS, _MOST_ENDS = 20, 100


class InfoService(server_info_pb2_grpc.ServerInfoServicer):
    """Version, capabilities and limits, and what the server does now."""

    def __init__(self, config: ServerConfig, status: Status, observer: Observer) -> None:
        self._config = config
        self._status = status
        self._observer = observer

    async def GetServerInfo(
        self,
        request: server_info_pb2.GetServerInfoRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> server_info_pb2.GetServerInfoResponse:
        """All of it."""
        return server_info_pb2.GetServerInfoResponse(
            version=importlib.metadata.version("reel2sim"),
            kinds=self._config.kinds,
            presets=[
                name.removeprefix("PRESET_").lower()
                for name, number in common.Preset.items()
                if number
            ],
            devices=["cpu", *(["cuda"] if _cuda_likely() else [])],
            code=_code(self._config.kinds),
            limits=server_info_pb2.Limits(
                max_artifact_bytes=self._config.max_artifact_bytes,
                max_chunk_bytes=MAX_CHUNK,
                max_message_bytes=MAX_MESSAGE,
                max_queued_operations=self._config.max_queued,
                workers=self._config.workers,
                max_environments=self._config.max_environments,
                max_environments_per_client=self._config.max_environments_per_client,
                environment_idle_seconds=self._config.environment_idle_s,
                max_picture_bytes=MAX_PICTURE_BYTES,
            ),
        )

    async def GetServerStatus(
        self,
        request: server_info_pb2.GetServerStatusRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> server_info_pb2.GetServerStatusResponse:
        """The server at this moment."""
        most = request.max_recent_ends or _DEFAULT_ENDS
        if not 0 < most <= _MOST_ENDS:
            raise UsageError(f"must be from 0 to {_MOST_ENDS}", field="max_recent_ends")
        return status_message(self._observer, await self._status.now(), most_ends=most)


def _code(kinds: Iterable[str]) -> Mapping[str, str]:
    """Digest of the code behind each of ``kinds`` that is a stage of its own."""
    tools = standard_toolchain()
    stages = {"generate": tools.generation, "reconstruct": tools.reconstruction}
    stages["rig"] = tools.rigging
    return {kind: stages[kind].code for kind in kinds if kind in stages}


def _cuda_likely() -> bool:
    """Whether a GPU and its kernels are installed, told without loading torch."""
    return Path("/dev/nvidiactl").exists() and importlib.util.find_spec("gsplat") is not None

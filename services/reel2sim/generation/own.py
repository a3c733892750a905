"""What a user brings: a video file, and another Reel2Sim server."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from reel2sim.generation.backend import Capabilities, GeneratedReel, GenerationConfig
from reel2sim.generation.controls import FINISHING, PICTURES, Controls
from reel2sim.scene.errors import UsageError
from reel2sim.scene.progress import Progress

SERVER_VARIABLE = "REEL2SIM_SERVER"
"""Environment variable that names the server unless a control does."""
_TLS = "tls://"


class VideoBackend:
    """Takes a video file as it is, so that it can be finished, judged and run like any clip."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            name="video",
            modalities=("video",),
            controls=("the file",),
            max_frames=20_000,
            cameras_known=False,
            needs_gpu=False,
            notes="reads a video file: --video",
            takes=("video",),
        )

    def generate(
        self, prompt: str, *, config: GenerationConfig, progress: Progress
    ) -> GeneratedReel:
        """The clip in the file.

        Raises:
            UsageError: if no file is named.
            MediaError: if it is no video.
        """
        from reel2sim.media import load_video

        path = config.controls.video
        if not path:
            raise UsageError("no file is named", field="video", remedy="pass --video FILE")
        reel = load_video(Path(path), progress=progress)
        return GeneratedReel(replace(reel, prompt=prompt), truth=None)


def _forwarded() -> set[str]:
    """Controls that are sent on; clips are finished here."""
    from reel2sim.transport.choices import SENT_CONTROLS, SENT_PICTURES

    return {*SENT_CONTROLS, *SENT_PICTURES} - {*FINISHING}


class ServerBackend:
    """Has another Reel2Sim server generate."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        address = os.environ.get(SERVER_VARIABLE)
        return Capabilities(
            name="server",
            modalities=("text", "image"),
            controls=("seed, size, place, and which generator there", "what that one takes"),
            max_frames=20_000,
            cameras_known=True,
            needs_gpu=False,
            notes=f"server {address}" if address else f"name one: --server, or ${SERVER_VARIABLE}",
            takes=("server", "server_backend", *sorted(_forwarded())),
            places=True,
        )

    def generate(
        self, prompt: str, *, config: GenerationConfig, progress: Progress
    ) -> GeneratedReel:
        """A reel that the server made. It sends no truth.

        The token is that of $REEL2SIM_TOKEN; an address that begins with ``tls://`` is spoken to
        over TLS with the authorities of the system.

        Raises:
            UsageError: if no server is named.
            Reel2SimError: of the class the server raised.
        """
        from reel2sim.client import Client, TlsFiles
        from reel2sim.generation.keep import read_reel
        from reel2sim.transport.choices import job_config
        from reel2sim.v1 import generation_pb2

        address = config.controls.server or os.environ.get(SERVER_VARIABLE, "")
        if not address:
            raise UsageError("no server is named", field="server", remedy="pass --server HOST:PORT")
        from reel2sim.pipeline.config import PipelineConfig

        controls = Controls(**{name: getattr(config.controls, name) for name in _forwarded()})
        chosen = PipelineConfig(
            seed=config.seed,
            max_size=config.size,
            backend=config.controls.server_backend,
            # What its camera does to the pictures is done here, like all that is finished.
            setting=replace(config.setting, sensor="none"),
            controls=controls,
        )
        with (
            Client(
                address.removeprefix(_TLS),
                token=os.environ.get("REEL2SIM_TOKEN") or None,
                tls=TlsFiles() if address.startswith(_TLS) else None,
            ) as client,
            tempfile.TemporaryDirectory(prefix="reel2sim-") as scratch,
        ):
            pictures = {
                name: client.reference(path)
                for name in PICTURES
                if (path := getattr(controls, name))
            }
            request = generation_pb2.GenerateRequest(
                prompt=prompt, config=job_config(chosen, pictures)
            )
            fetched = client.fetch(request, Path(scratch) / "reel.mp4", progress=progress)
            reel = read_reel(fetched)
        return GeneratedReel(replace(reel, source="server", digest="", prompt=prompt), truth=None)

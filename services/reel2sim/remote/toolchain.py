"""The stages of a run, some of which other servers do."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from reel2sim.generation.controls import Controls
from reel2sim.generation.keep import read_packed, write_reel
from reel2sim.generation.make import digest_of_inputs
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.stages import Reconstruction, Stage
from reel2sim.pipeline.stores import ReconstructionStore
from reel2sim.pipeline.toolchain import Toolchain
from reel2sim.remote.board import Board, board_of
from reel2sim.remote.call import Call, Course
from reel2sim.remote.channel import connected, facts_of
from reel2sim.remote.config import RemoteStages, Servers
from reel2sim.remote.stage import Parcel, StageAtServers, Work
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel
from reel2sim.scene.store import load_asset
from reel2sim.transport.choices import SENT_PICTURES, job_config
from reel2sim.v1 import generation_pb2, reconstruction_pb2, rigging_pb2

T = TypeVar("T")
_REEL, _SURFELS, _NAME = "reel", "surfels", "object"


def remote_toolchain(
    tools: Toolchain, stages: RemoteStages, *, source: Path | None, scratch: Path
) -> Toolchain:
    """``tools`` with the stages that ``stages`` names done by other servers.

    The stages keep their keys, so that a cache does not care where a result was made.

    Args:
        tools: the stages as they are done here.
        stages: who does which instead.
        source: capture folder or video file of the run; None if it has a prompt.
        scratch: folder for what travels.
    """
    away = _Away(tools, stages, source, scratch)
    if stages.of("generate"):
        tools = replace(tools, generation=_moved(tools.generation, away.generate))
    if stages.of("reconstruct"):
        moved = _moved(tools.reconstruction, away.reconstruct)
        settings = away.reconstruction_settings
        tools = replace(tools, reconstruction=replace(moved, settings=settings))
    if stages.of("rig"):
        tools = replace(tools, rigging=_moved(tools.rigging, away.rig))
    return tools


def _moved(stage: Stage[Any, T], function: Callable[..., T]) -> Stage[Any, T]:
    return replace(stage, function=function, resumable=False)


@dataclass
class _Away:
    """The stages of one run, as calls of other servers."""

    tools: Toolchain
    stages: RemoteStages
    source: Path | None
    scratch: Path
    devices: dict[str, str] = field(default_factory=dict[str, str])
    sent: Parcel | None = None

    def generate(self, prompt: str, config: PipelineConfig, progress: Progress) -> Reel:
        """A reel made from words and pictures."""
        controls = config.controls or Controls()
        named = {name: path for name in SENT_PICTURES if (path := getattr(controls, name))}
        parcels = {
            name: Parcel.of(Path(path), name=name, scratch=self.scratch)
            for name, path in named.items()
        }
        chosen = PipelineConfig(
            preset=config.preset, seed=config.seed, max_size=config.max_size,
            backend=config.backend, setting=config.setting, controls=config.controls,
        )  # fmt: skip
        pictures = {name: parcel.reference for name, parcel in parcels.items()}
        request = generation_pb2.GenerateRequest(prompt=prompt, config=job_config(chosen, pictures))
        given = tuple(parcels.values())
        packed = self._do("generate", self.tools.generation, request, given, progress)
        reel = read_packed(packed)
        # As if it had been made here: it has no file it came from.
        digest = digest_of_inputs(prompt, controls)
        return replace(reel, source=config.backend, digest=digest, prompt=prompt)

    def reconstruct(self, reel: Reel, config: PipelineConfig, progress: Progress) -> Reconstruction:
        """Surfels that move."""
        device = self._device(config.device)
        parcel = self._reel(reel)
        chosen = job_config(PipelineConfig(
            preset=config.preset, seed=config.seed, max_size=config.max_size,
            device=device,  # type: ignore[arg-type]
        ))  # fmt: skip
        request = reconstruction_pb2.ReconstructRequest(reel=parcel.reference, config=chosen)
        file = self._do(
            "reconstruct", self.tools.reconstruction, request, (parcel,), progress, device=device
        )
        return ReconstructionStore().load(file)

    def rig(
        self, given: tuple[Reel, Reconstruction], config: PipelineConfig, progress: Progress
    ) -> RiggedAsset:
        """Parts, joints and bodies."""
        reel, reconstruction = given
        surfels = Path(tempfile.mkdtemp(dir=self.scratch)) / "surfels.npz"
        ReconstructionStore().save(surfels, reconstruction)
        parcels = (self._reel(reel), Parcel.of(surfels, name=_SURFELS, scratch=self.scratch))
        chosen = job_config(PipelineConfig(
            preset=config.preset, seed=config.seed, max_size=config.max_size,
            material=config.material, density=config.density, name=_NAME,
        ))  # fmt: skip
        request = rigging_pb2.RigRequest(
            reel=parcels[0].reference, surfels=parcels[1].reference, config=chosen
        )
        return load_asset(self._do("rig", self.tools.rigging, request, parcels, progress))

    def reconstruction_settings(self, config: PipelineConfig) -> Any:
        """The settings with the device that the servers have; none is needed here."""
        device = self._device(config.device)
        here = self.tools.reconstruction.settings(replace(config, device="cpu"))
        if dataclasses.is_dataclass(here) and hasattr(here, "device"):
            return replace(here, device=device)  # type: ignore[type-var]
        return here

    def _device(self, wanted: str) -> str:
        """What ``wanted`` means to the servers that reconstruct: ``"cpu"`` or ``"cuda"``."""
        if wanted != "auto":
            return wanted
        if wanted not in self.devices:
            servers = self._servers("reconstruct")

            def ask(address: str, course: Course) -> tuple[str, ...]:
                with connected(address, self.stages) as connection:
                    facts = facts_of(connection)
                self._board.succeeded(address)
                return facts.devices

            call = Call(
                self.tools.reconstruction.name,
                servers.addresses,
                ask,
                _nothing,
                _nothing,
                self.stages.policy,
                self._board,
            )
            self.devices[wanted] = "cuda" if "cuda" in call(silent) else "cpu"
        return self.devices[wanted]

    def _reel(self, reel: Reel) -> Parcel:
        """The run's reel as it travels: its source as it is, or a capture of what was generated."""
        if self.sent is None:
            source = self.source
            if source is None:
                stem = Path(tempfile.mkdtemp(dir=self.scratch)) / "capture"
                source = write_reel(reel, stem)
            self.sent = Parcel.of(source, name=_REEL, scratch=self.scratch)
        return self.sent

    def _do(
        self,
        kind: str,
        stage: Stage[Any, Any],
        request: Any,
        parcels: tuple[Parcel, ...],
        progress: Progress,
        *,
        device: str = "",
    ) -> Path:
        """Have ``kind`` done; the file of its result."""
        target = Path(tempfile.mkdtemp(dir=self.scratch)) / "result"
        work = Work(kind, stage.name, stage.code, device, request, parcels, target)
        there = StageAtServers(work, self.stages, self._board)
        call = Call(
            stage.name,
            self._servers(kind).order(work.content),
            there.attempt,
            there.leave,
            there.hang_up,
            self.stages.policy,
            self._board,
        )
        return call(progress)

    def _servers(self, kind: str) -> Servers:
        found = self.stages.of(kind)
        assert found is not None, kind
        return found

    @cached_property
    def _board(self) -> Board:
        return board_of(self.stages.policy.breaker)


def _nothing() -> None:
    """What a call that leaves nothing behind has to end."""

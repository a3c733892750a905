"""What a stage is: a named, versioned function, and what its result depends on."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from reel2sim.pipeline.cache import Store
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.scene.digest import digest_config
from reel2sim.scene.reel import Reel

if TYPE_CHECKING:
    from reel2sim.reconstruction.monocular import ClipResult
    from reel2sim.scene.surfels import SurfelSequence

Reconstruction: TypeAlias = "SurfelSequence | ClipResult"
"""Surfels that move; of a clip without cameras, with the cameras and joints found alongside."""

In = TypeVar("In")
Out = TypeVar("Out")


def _no_settings(config: PipelineConfig) -> Any:
    return None


def _no_metrics(value: Any) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True)
class Stage(Generic[In, Out]):
    """One step of the chain.

    Attributes:
        name: shown to people, and part of every key.
        version: raised by hand when the meaning of the result changes.
        function: does the work, called with input, configuration and progress; must call its
            progress at least every few seconds.
        settings: the part of the configuration the result depends on: plain values or
            dataclasses of them.
        metrics: figures of a result worth showing.
        store: how a result is kept; None for a stage that is not worth keeping.
        packages: whose source code the result depends on, so that a changed algorithm never
            meets its predecessor's results.
        resumable: whether ``function`` takes ``checkpoints``, the
            :class:`~reel2sim.scene.checkpoints.Checkpoints` from which a killed run goes on.
    """

    name: str
    version: int
    function: Callable[..., Out]
    settings: Callable[[PipelineConfig], Any] = _no_settings
    metrics: Callable[[Out], Mapping[str, float]] = _no_metrics
    store: Store[Out] | None = None
    packages: tuple[str, ...] = ()
    resumable: bool = False

    @property
    def code(self) -> str:
        """Digest of the stage's version and of the sources that its result depends on."""
        return digest_config(self.name, self.version, *map(code_digest, self.packages))

    def key(self, config: PipelineConfig, inputs: tuple[str, ...]) -> str:
        """Digest of everything the result depends on.

        Args:
            config: of the run.
            inputs: digests, keys or texts that stand for the inputs.
        """
        code = [code_digest(package) for package in self.packages]
        return digest_config(self.name, self.version, code, self.settings(config), list(inputs))


@cache
def code_digest(package: str) -> str:
    """sha256 over the Python sources of ``package``; "" if there are none to read."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    digest = hashlib.sha256()
    for folder in sorted(folders or ()):
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def posed_reel(reel: Reel, reconstruction: Reconstruction) -> Reel:
    """The reel whose frames have cameras: as given, or as the reconstruction estimated them."""
    return reel if reel.calibrated else getattr(reconstruction, "reel", reel)


def reel_digest(reel: Reel) -> str:
    """sha256 of what a reel shows: pictures, masks, times, cameras and streams."""
    digest = hashlib.sha256()
    for frame in reel.frames:
        camera = frame.camera
        view = None
        if camera is not None:
            size = [camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy]
            view = [*size, camera.T_world_camera.tolist()]
        shape = list(frame.image.shape)
        digest.update(digest_config(shape, frame.time_s, frame.stream, view).encode())
        digest.update(frame.image.tobytes())
        digest.update(b"" if frame.mask is None else frame.mask.tobytes())
    return digest.hexdigest()

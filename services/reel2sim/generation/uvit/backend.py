"""The generation backend ``uvit``: reels made by a trained model."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from reel2sim.generation.backend import Capabilities, GeneratedReel, GenerationConfig
from reel2sim.generation.uvit.shipped import shipped_weights
from reel2sim.scene.errors import NotFoundError
from reel2sim.scene.progress import Progress

if TYPE_CHECKING:
    from reel2sim.generation.uvit.sampler import Request

WEIGHTS = "REEL2SIM_UVIT"
"""Environment variable that names a model file in place of the one that is shipped."""
_REMEDY = f"train a model with `reel2sim generator train`, set {WEIGHTS} to its model.safetensors"


class UViTBackend:
    """Makes a still orbit, a moving orbit and a front view from a prompt.

    Args:
        weights: model file; if None that of :data:`WEIGHTS`, else the shipped one.
        steps: of the sampler.
        text_scale: of classifier-free guidance towards the prompt; 1 is none.
        motion_scale: of 3D-aware guidance away from the still object; 1 is none.
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        steps: int = 20,
        text_scale: float = 2.0,
        motion_scale: float = 1.0,
    ) -> None:
        self._weights = weights
        self._steps = steps
        self._scales = (text_scale, motion_scale)

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            name="uvit",
            modalities=("text",),
            controls=("prompt in the words it was trained on",),
            max_frames=24,
            cameras_known=True,
            needs_gpu=False,
            notes="frames, views and size are those of the model, see `reel2sim generator card`; "
            "`reel2sim generator sample` takes pictures, motion, cameras and strokes too",
            missing=self._missing,
        )

    @property
    def _path(self) -> Path:
        return self._weights or Path(os.environ.get(WEIGHTS) or shipped_weights() or "")

    @property
    def _missing(self) -> str:
        if not self._path.is_file():
            return _REMEDY
        if importlib.util.find_spec("safetensors") is None:
            return "pip install 'reel2sim[generate]'"
        return ""

    @property
    def weights(self) -> Path:
        """The model file.

        Raises:
            NotFoundError: if none is named, or it is not there.
        """
        if not self._path.is_file():
            raise NotFoundError(
                "no trained model is there" if str(self._path) == "." else "is not a file",
                source=WEIGHTS if self._weights is None else self._path,
                remedy=_REMEDY,
            )
        return self._path

    @property
    def digest(self) -> str:
        """sha256 of the model file, so that results of other weights are not taken for these.

        "" if there is none.
        """
        from reel2sim.scene.digest import digest_file

        return digest_file(self._path) if self._path.is_file() else ""

    def generate(
        self, prompt: str, *, config: GenerationConfig, progress: Progress
    ) -> GeneratedReel:
        """Make a reel of what ``prompt`` says; only seed and seconds of ``config`` matter.

        Raises:
            NotFoundError: if there is no model.
            PromptError: if the prompt is longer than the model reads.
        """
        from reel2sim.generation.uvit.sampler import Request

        request = Request(prompt=prompt, seed=config.seed, seconds=config.seconds)
        return self.make(request, progress=progress)

    def make(self, request: Request, *, progress: Progress) -> GeneratedReel:
        """Make a reel with all controls of the model."""
        from dataclasses import replace

        from reel2sim.generation.uvit.checkpoint import load_model
        from reel2sim.generation.uvit.sampler import sample

        text, motion = self._scales
        request = replace(request, steps=self._steps, text_scale=text, motion_scale=motion)
        model = load_model(self.weights)
        made = sample(model, request, progress=progress)
        return GeneratedReel(made.reel(model.layout, source="uvit"), truth=None)

"""The generation backend ``uvit``: reels made by a trained model."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reel2sim.generation.backend import Capabilities, GeneratedReel, GenerationConfig
from reel2sim.generation.controls import PICTURES, Controls
from reel2sim.generation.uvit.shipped import shipped_weights
from reel2sim.scene.errors import NotFoundError
from reel2sim.scene.progress import Progress

if TYPE_CHECKING:
    from reel2sim.generation.uvit.config import Layout

WEIGHTS = "REEL2SIM_UVIT"
"""Environment variable that names a model file in place of the one that is shipped."""
_REMEDY = f"train a model with `reel2sim generator train`, set {WEIGHTS} to its model.safetensors"


class UViTBackend:
    """Makes a still orbit, a moving orbit and a front view from a prompt and pictures.

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
            modalities=("text", "image"),
            controls=(
                "prompt in the words it was trained on",
                "first and last picture of the front view, and one of the object from anywhere",
            ),
            max_frames=24,
            cameras_known=True,
            needs_gpu=False,
            notes="frames, views and size are those of the model, see `reel2sim generator card`; "
            "`reel2sim generator sample` takes motion, cameras and strokes too",
            takes=PICTURES,
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
        """Make a reel of what ``prompt`` says; of ``config`` seed, seconds and pictures matter.

        Raises:
            NotFoundError: if there is no model.
            PromptError: if the prompt is longer than the model reads.
            MediaError: if a picture cannot be read.
        """
        from reel2sim.generation.uvit.checkpoint import load_model
        from reel2sim.generation.uvit.sampler import Request, sample

        text, motion = self._scales
        model = load_model(self.weights)
        request = Request(
            prompt=prompt if prompt.strip() else None,
            seed=config.seed,
            seconds=config.seconds,
            steps=self._steps,
            text_scale=text,
            motion_scale=motion,
            **_given(config.controls, model.layout),
        )
        made = sample(model, request, progress=progress)
        return GeneratedReel(made.reel(model.layout, source="uvit"), truth=None)


def _given(controls: Controls, layout: Layout) -> dict[str, Any]:
    """The pictures that the controls name, where a request takes them."""
    from reel2sim.generation.uvit.pictures import square_picture

    at = {"first_frame": layout.first_front, "last_frame": layout.frames - 1}
    named = {name: Path(path) for name in PICTURES if (path := getattr(controls, name))}
    read = {name: square_picture(path, layout.size) for name, path in named.items()}
    frames = {at[name]: picture for name, picture in read.items() if name in at}
    return {"frames": frames, "reference": read.get("reference")}

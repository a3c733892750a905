"""What happens to a clip after it was made: frames between its frames, then larger pictures.

Keyframes, interpolation and upscaling are a cascade of backends. Any that takes a first and a
last frame can interpolate, any that takes a video can upscale; where none is named, optical flow
and resampling do it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reel2sim.generation.backend import GeneratedReel, GenerationConfig
from reel2sim.generation.classical import between, enlarged
from reel2sim.generation.clips import clip_of_reel, covering, is_clip, reel_of_clip
from reel2sim.generation.controls import FINISHING, Controls
from reel2sim.generation.offers import names
from reel2sim.media.lossless import write_lossless
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import StageError, UsageError
from reel2sim.scene.progress import Progress, silent

Generate = Callable[..., GeneratedReel]
"""Called with a prompt, ``backend`` and ``config``."""
_Call = Callable[[str, Mapping[str, Any]], Array]
"""Called with who is asked and the controls of the request; frames ``(n, h, w, 3)``."""


def finish(
    made: GeneratedReel,
    prompt: str,
    *,
    config: GenerationConfig,
    generate: Generate,
    progress: Progress = silent,
) -> GeneratedReel:
    """Interpolate and upscale ``made`` as the controls of ``config`` ask.

    Args:
        made: by some backend.
        prompt: that it was made from.
        config: that it was made with.
        generate: asks the backends that are named: :func:`reel2sim.generation.generate`.
        progress: told under ``"generation"``.

    Raises:
        UsageError: if it is asked for and the reel has cameras or masks.
        Reel2SimError: of a backend that is named.
    """
    controls = config.controls
    asked = [name for name in FINISHING if name in controls.given()]
    if not asked:
        return made
    reel = made.reel
    if not is_clip(reel):
        raise UsageError(
            f"{reel.source} films with known cameras, whose frames are not made up",
            field=asked[0],
            remedy="ask it for more frames or larger pictures",
        )
    frames, fps = clip_of_reel(reel)
    call = partial(_call, generate, prompt, config)
    if controls.interpolate:
        frames = _interpolated(frames, controls, call, progress)
        fps *= controls.interpolate
    if controls.upscale:
        progress("generation", 0.9, "enlarging")
        frames = _upscaled(frames, fps, controls, call)
    finished = reel_of_clip(frames, fps=fps, source=reel.source, prompt=reel.prompt)
    return replace(made, reel=replace(finished, digest=reel.digest))


def _interpolated(frames: Array, controls: Controls, call: _Call, progress: Progress) -> Array:
    factor, who = controls.interpolate or 1, controls.interpolate_with
    found: list[Array] = []
    for k, (a, b) in enumerate(pairwise(frames)):
        progress("generation", k / (len(frames) - 1), "between the frames")
        middle = _asked(call, who, a, b, factor) if who else between(a, b, factor)
        found += [a, *middle]
    return np.stack([*found, frames[-1]])


def _asked(call: _Call, who: str, a: Array, b: Array, factor: int) -> list[Array]:
    """The ``factor − 1`` frames between two, from a backend that takes both."""
    with tempfile.TemporaryDirectory(prefix="reel2sim-") as name:
        ends = [Path(name) / "first.png", Path(name) / "last.png"]
        for path, image in zip(ends, (a, b), strict=True):
            Image.fromarray(image).save(path)
        height, width = a.shape[:2]
        own = {"first_frame": str(ends[0]), "last_frame": str(ends[1]), "frames": factor + 1}
        made = call(who, {**own, "width": width, "height": height})
    if len(made) != factor + 1:
        raise StageError(f"gave {len(made)} frames for {factor + 1}", source=who)
    return [covering(image, width, height) for image in made[1:-1]]


def _upscaled(frames: Array, fps: float, controls: Controls, call: _Call) -> Array:
    factor, who = controls.upscale or 1, controls.upscale_with
    large = [enlarged(frame, factor) for frame in frames]
    if not who:
        return np.stack(large)
    height, width = large[0].shape[:2]
    with tempfile.TemporaryDirectory(prefix="reel2sim-") as name:
        path = Path(name) / "large.mp4"
        write_lossless(path, large, fps)
        made = call(who, {"video": str(path)})
    if len(made) != len(large):
        raise StageError(f"gave {len(made)} frames for {len(large)}", source=who)
    return np.stack([covering(image, width, height) for image in made])


def _call(
    generate: Generate, prompt: str, config: GenerationConfig, who: str, own: Mapping[str, Any]
) -> Array:
    """Frames of the backend that ``who`` names: ``name``, ``name:model`` or a diffusers model."""
    asked = config.controls
    backend, _, model = who.partition(":")
    if backend not in names():
        backend, model = "diffusers", who
    controls = Controls(
        model=model,
        negative_prompt=asked.negative_prompt,
        steps=asked.steps,
        guidance=asked.guidance,
        memory=asked.memory,
        device=asked.device,
        **own,
    )
    made = generate(prompt, backend=backend, config=replace(config, controls=controls))
    return clip_of_reel(made.reel)[0]

"""The project's own stages, each a thin call of the package that does the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reel2sim.pipeline.config import PipelineConfig, with_known_fields
from reel2sim.pipeline.publish import Exporter, Previewer, export_files, preview_media
from reel2sim.pipeline.stages import Reconstruction, Stage
from reel2sim.pipeline.stores import AssetStore, ReconstructionStore, ValueStore
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress
from reel2sim.scene.reel import Frame, Reel
from reel2sim.scene.surfels import SurfelSequence

if TYPE_CHECKING:
    from reel2sim.generation import GeneratedReel, GenerationConfig
    from reel2sim.reconstruction.monocular import ClipResult
    from reel2sim.rigging import RiggingConfig


@dataclass(frozen=True)
class Toolchain:
    """The stages a run uses; replace one to try another algorithm, or all in a test.

    Attributes:
        media: source path to reel.
        generation: prompt to reel.
        reconstruction: reel to surfels that move, with cameras where the reel has none.
        rigging: both of these to a rigged asset.
        preview: asset and reel to the pictures of a bundle.
        export: asset, pictures and history to files in an empty folder.
    """

    media: Stage[Path, Reel]
    generation: Stage[str, Reel]
    reconstruction: Stage[Reel, Reconstruction]
    rigging: Stage[tuple[Reel, Reconstruction], RiggedAsset]
    preview: Previewer = preview_media
    export: Exporter = export_files


def standard_toolchain() -> Toolchain:
    """The project's own stages."""
    return Toolchain(
        media=Stage("media", 1, _load, lambda config: config.max_size, _reel_metrics),
        generation=Stage(
            "generation",
            1,
            _generate,
            _generation_settings,
            _reel_metrics,
            ValueStore(Reel),
            ("reel2sim.generation", "reel2sim.scene"),
        ),
        reconstruction=Stage(
            "reconstruction",
            1,
            _reconstruct,
            _reconstruction_settings,
            _reconstruction_metrics,
            ReconstructionStore(),
            ("reel2sim.reconstruction", "reel2sim.rigging", "reel2sim.scene"),
            resumable=True,
        ),
        rigging=Stage(
            "rigging",
            1,
            _rig,
            _rigging_settings,
            lambda asset: {"joints": float(len(asset.joints)), **asset.metrics},
            AssetStore(),
            ("reel2sim.rigging", "reel2sim.reconstruction", "reel2sim.scene"),
            resumable=True,
        ),
    )


def _load(source: Path, config: PipelineConfig, progress: Progress) -> Reel:
    from reel2sim.media import load_reel

    return load_reel(source, max_size=config.max_size, progress=progress)


def _reel_metrics(reel: Reel) -> Mapping[str, float]:
    return {
        "frames": float(len(reel.frames)),
        "streams": float(len(reel.streams)),
        "calibrated": float(reel.calibrated),
    }


def _generation_config(config: PipelineConfig) -> GenerationConfig:
    from reel2sim.generation import GenerationConfig

    choices = {"seed": config.seed, "preset": config.preset, "size": config.max_size}
    choices["setting"] = config.setting
    made = with_known_fields(GenerationConfig(), **choices)
    return made if config.controls is None else replace(made, controls=config.controls)


def _generation_settings(config: PipelineConfig) -> Any:
    """All that a generated reel depends on; files by their contents, so it takes a while."""
    from reel2sim.generation import backend_digest

    asked = _generation_config(config)
    found: list[Any] = [config.backend, asked]
    if config.controls is not None:
        from reel2sim.generation.controls import inputs_digest, pictures_by_content

        controls = pictures_by_content(config.controls)
        # With controls a clip may come that has its size from elsewhere, and is then made smaller.
        files = [*inputs_digest(config.controls), config.max_size]
        found = [config.backend, replace(asked, controls=controls), files]
    weights = backend_digest(config.backend)
    return [*found, weights] if weights else found


def _generate(prompt: str, config: PipelineConfig, progress: Progress) -> Reel:
    return generate_reel(prompt, config, progress).reel


def generate_reel(prompt: str, config: PipelineConfig, progress: Progress) -> GeneratedReel:
    """A reel made from ``prompt``, with the truth about it where the backend knows it.

    Raises:
        PromptError: if the backend does not understand the prompt.
    """
    from reel2sim.generation import generate

    settings = _generation_config(config)
    made = generate(prompt, backend=config.backend, config=settings, progress=progress)
    if config.max_size is None or made.reel.calibrated:
        return made
    from reel2sim.media.images import shrink

    frames: list[Frame] = []
    for frame in made.reel.frames:
        image, mask = shrink(frame.image, frame.mask, config.max_size)
        frames.append(replace(frame, image=image, mask=mask))
    return replace(made, reel=replace(made.reel, frames=tuple(frames)))


def _reconstruction_settings(config: PipelineConfig) -> Any:
    from reel2sim.reconstruction import ReconstructionConfig
    from reel2sim.reconstruction.device import target

    # What "auto" means here, so that machines of two kinds do not share results.
    device = "cuda" if target(config.device).device.type == "cuda" else "cpu"
    return ReconstructionConfig.preset(config.preset, seed=config.seed, device=device)


def _reconstruct(
    reel: Reel,
    config: PipelineConfig,
    progress: Progress,
    *,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> Reconstruction:
    settings = _reconstruction_settings(config)
    if reel.calibrated:
        from reel2sim.reconstruction import reconstruct

        return reconstruct(reel, config=settings, checkpoints=checkpoints, progress=progress)
    from reel2sim.reconstruction.monocular import reconstruct_clip

    return reconstruct_clip(reel, config=settings, checkpoints=checkpoints, progress=progress)


def _reconstruction_metrics(result: Reconstruction) -> Mapping[str, float]:
    return (result if isinstance(result, SurfelSequence) else result.sequence).metrics


def _rigging_settings(config: PipelineConfig) -> RiggingConfig:
    from reel2sim.rigging import RiggingConfig
    from reel2sim.rigging.physics.materials import material_named

    chosen = RiggingConfig.preset(config.preset, seed=config.seed)
    material = config.material or chosen.physics.material
    # Refuses a name nobody knows, or a density that none can have, before any work is done.
    material_named(material, density=config.density)
    physics = replace(chosen.physics, material=material, density=config.density)
    return replace(chosen, physics=physics)


def _rig(
    given: tuple[Reel, Reconstruction],
    config: PipelineConfig,
    progress: Progress,
    *,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> RiggedAsset:
    reel, reconstruction = given
    settings = _rigging_settings(config)
    if not isinstance(reconstruction, SurfelSequence):
        return _embody_clip(reconstruction, settings, progress, checkpoints)
    from reel2sim.rigging import rig

    return rig(reel, reconstruction, config=settings, checkpoints=checkpoints, progress=progress)


def _embody_clip(
    clip: ClipResult, settings: RiggingConfig, progress: Progress, checkpoints: Checkpoints
) -> RiggedAsset:
    """A single uncalibrated clip's joints are found with its cameras; only bodies are missing."""
    from reel2sim.rigging.physics import embody

    return embody(
        clip.articulation,
        clip.sequence.canonical,
        config=settings.physics,
        name="object",
        notes=clip.notes,
        checkpoints=checkpoints,
        progress=progress,
    )

"""Ask a generator, and finish what it made."""

from __future__ import annotations

from dataclasses import replace

from reel2sim.generation.backend import Capabilities, GeneratedReel, GenerationConfig
from reel2sim.generation.cascade import finish
from reel2sim.generation.clips import check_pictures
from reel2sim.generation.controls import Controls, inputs_digest, refuse_others
from reel2sim.generation.offers import backend_named, offers
from reel2sim.generation.sensor import parse_sensor, sensed
from reel2sim.generation.setting import Setting
from reel2sim.scene.digest import digest_config
from reel2sim.scene.errors import MissingDependencyError, PromptError, UsageError
from reel2sim.scene.progress import Progress, silent


def backends() -> dict[str, Capabilities]:
    """Capabilities of every backend that can be asked, by name; also of plugins."""
    found = ((offer.name, offer.capabilities) for offer in offers())
    return {name: capabilities for name, capabilities in found if capabilities is not None}


def backend_digest(name: str) -> str:
    """sha256 of the weights that a backend reads as its attribute ``digest``; "" if it has none.

    Results of different weights must not be taken for one another.

    Raises:
        UsageError: if there is no such backend.
    """
    return str(getattr(backend_named(name), "digest", ""))


def generate(
    prompt: str,
    *,
    backend: str = "scripted",
    config: GenerationConfig | None = None,
    progress: Progress = silent,
) -> GeneratedReel:
    """Make a reel from a text, or from pictures that the controls name.

    Args:
        prompt: what to show and how it moves; "" where the controls name a picture or a video.
        backend: name of a registered backend or of a plugin.
        config: how much to generate, default :class:`GenerationConfig`.
        progress: told as pictures get ready.

    Raises:
        UsageError: if the backend is unknown, the configuration out of range, or a control is
            none of its.
        PromptError: if the prompt is empty or not understood.
        MissingDependencyError: if the backend cannot work here.
    """
    config = GenerationConfig() if config is None else config
    chosen = backend_named(backend)
    controls = config.controls
    if not prompt.strip() and not controls.pictures_in:
        raise PromptError("is empty", source="prompt", remedy="say what to show and how it moves")
    can = chosen.capabilities
    if can.missing:
        raise MissingDependencyError(
            "cannot work here", source=f"backend {backend}", remedy=can.missing
        )
    if controls.frames is not None and "frames" not in can.takes:
        config = replace(config, frames=controls.frames)
    _refuse_place(config.setting, can)
    check_controls(controls, can, backend=backend)
    sources = digest_of_inputs(prompt, controls)
    check_pictures(controls)
    made = chosen.generate(prompt, config=config, progress=progress)
    if sources and not made.reel.digest:
        made = replace(made, reel=replace(made.reel, digest=sources))
    made = finish(made, prompt, config=config, generate=generate, progress=progress)
    return filmed_with(made, config, progress=progress)


def check_controls(controls: Controls, can: Capabilities, *, backend: str) -> None:
    """Refuse what the backend that users call ``backend`` has not.

    Raises:
        UsageError: if there is such a control; it lists those that it has.
    """
    refuse_others(controls, {*can.takes, "frames"}, who=f"backend {backend!r}")


def digest_of_inputs(prompt: str, controls: Controls) -> str:
    """What stands for a prompt with the files beside it, in records; "" if there are none.

    Raises:
        NotFoundError: if a picture or a video is not there.
    """
    return digest_config(prompt, *inputs_digest(controls)) if controls.pictures_in else ""


def filmed_with(
    made: GeneratedReel, config: GenerationConfig, *, progress: Progress = silent
) -> GeneratedReel:
    """What was generated, as the setting's sensor takes it; its truth stays."""
    sensor = parse_sensor(config.setting.sensor)
    reel = sensed(made.reel, sensor, seed=config.seed, views=made.views, progress=progress)
    return replace(made, reel=reel)


def _refuse_place(setting: Setting, can: Capabilities) -> None:
    for name in ("background", "lighting"):
        if getattr(setting, name) != getattr(Setting(), name) and not can.places:
            raise UsageError(
                f"backend {can.name!r} does not let it be chosen",
                field=name,
                remedy="say it in the prompt, or use backend 'scripted'",
            )

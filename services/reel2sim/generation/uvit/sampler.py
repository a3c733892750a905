"""Samples of a trained model: video from whatever is given, and text from video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from reel2sim.generation.uvit.autoencoder import as_images, as_pictures
from reel2sim.generation.uvit.checkpoint import Model
from reel2sim.generation.uvit.data import generator
from reel2sim.generation.uvit.facts import share_of_motion
from reel2sim.generation.uvit.flow import Method, integrate, schedule
from reel2sim.generation.uvit.guidance import guided
from reel2sim.generation.uvit.motion import motion_magnitude
from reel2sim.generation.uvit.rays import object_frame, plucker
from reel2sim.generation.uvit.sample import Sample
from reel2sim.generation.uvit.tokens import Clocks, Scene, State
from reel2sim.reconstruction.device import reproducible
from reel2sim.scene.arrays import Array, checked
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import UsageError
from reel2sim.scene.progress import Progress, silent

_CLEAR = 40
"""Coverage under which a pixel of a made picture is background."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to make. Everything may be left out.

    Attributes:
        prompt: what it shows and how it moves; None leaves it to the model.
        seed: of the noise; the same request gives the same bits on the same kind of machine.
        seconds: duration of the motion.
        steps: of the sampler.
        method: Euler, or Heun's with two calls of the model a step.
        text_scale: of guidance towards prompt, magnitude, strokes and reference; 1 is none.
        motion_scale: of 3D-aware guidance away from the still object; 1 is none.
        motion: 3D-to-4D motion magnitude, see :func:`.motion.motion_magnitude`.
        cameras: of each frame of the layout; those of a typical sample if None.
        times: of each frame, 0..1 over the motion; those of a typical sample if None.
        frames: pictures that are given ``(h, w, 4)`` uint8 over white, by index in the layout:
            first frames, last ones, a still orbit, or all.
        reference: a picture of the object from anywhere, likewise.
        tracks: motion-brush strokes ``(k, t, 2)``: paths in the front camera, −1..1.
        write: also make a text, together with the video or, where all frames are given, from it.
    """

    prompt: str | None = None
    seed: int = 0
    seconds: float = 2.0
    steps: int = 20
    method: Method = "euler"
    text_scale: float = 1.0
    motion_scale: float = 1.0
    motion: float | None = None
    cameras: tuple[Camera, ...] | None = None
    times: Array | None = None
    frames: Mapping[int, Array] = field(default_factory=dict[int, Array])
    reference: Array | None = None
    tracks: Array | None = None
    write: bool = False

    def __post_init__(self) -> None:
        checks = {
            "steps": (1 <= self.steps <= 1000, "give 1 to 1000"),
            "seed": (0 <= self.seed < 2**32, "give 0 to 2³²−1"),
            "seconds": (0 < self.seconds <= 60, "give 0 to 60"),
            "text_scale": (0 <= self.text_scale <= 50, "give 0 to 50"),
            "motion_scale": (0 <= self.motion_scale <= 50, "give 0 to 50"),
            "method": (self.method in ("euler", "heun"), "give euler or heun"),
            "write": (not (self.write and self.prompt), "give no prompt where text is to be made"),
        }
        for name, (fine, remedy) in checks.items():
            if not fine:
                raise UsageError("is out of range", source="request", field=name, remedy=remedy)


def sample(model: Model, request: Request, *, progress: Progress = silent) -> Sample:
    """Make a sample; its prompt is the given text, or the one that was made.

    Raises:
        UsageError: if something is given that the layout has no place for.
        PromptError: if the prompt is longer than the model reads.
    """
    with reproducible(model.device), torch.no_grad():
        plan = _Plan.of(model, request)
        state, logits = _run(model, request, plan, progress)
        video = model.autoencoder.decode(state.video[0])
    images = as_images(video).cpu().numpy()
    for index, picture in request.frames.items():
        images[index] = picture
    made = [i for i in range(len(images)) if i not in request.frames]
    faint = images[made][..., 3] < _CLEAR
    images[made] = np.where(faint[..., None], np.array([255, 255, 255, 0], np.uint8), images[made])
    prompt = request.prompt or ""
    if request.write:
        prompt = model.facts.vocabulary.decode(logits[0].argmax(-1).tolist())
    return Sample(
        images=images,
        cameras=plan.cameras,
        times_s=plan.times * request.seconds,
        tracks=np.zeros((0, model.layout.front, 2), np.float32),
        prompt=prompt,
        motion=motion_magnitude(images, model.layout),
    )


def caption(model: Model, shown: Sample, *, seed: int = 0, steps: int = 20) -> str:
    """A text for a film of the model's layout: video to text."""
    request = Request(
        seed=seed,
        steps=steps,
        cameras=shown.cameras,
        times=share_of_motion(shown.times_s),
        frames=dict(enumerate(shown.images)),
        write=True,
    )
    return sample(model, request).prompt


@dataclass(frozen=True, eq=False)
class _Plan:
    """A request as tensors."""

    cameras: tuple[Camera, ...]
    times: Array
    noise: State
    start: State
    scene: Scene
    given: frozenset[str]
    made: frozenset[str]

    @classmethod
    def of(cls, model: Model, request: Request) -> _Plan:
        layout, device = model.layout, model.device
        cameras, times = _filming(model, request)
        target, unit = object_frame(cameras[: layout.static])
        grid = round(model.uvit.places.shape[0] ** 0.5)
        rays = torch.from_numpy(plucker(cameras, grid, target=target, unit=unit))
        given = torch.zeros(layout.frames, dtype=torch.bool)
        given[list(request.frames)] = True
        strokes, drawn = _strokes(model, request)
        scene = Scene(rays, torch.from_numpy(times).float(), given, drawn).map(lambda x: x[None])
        noise = _noise(model, request.seed).to(device)
        start = noise
        known: set[str] = {"tracks"}
        start = _with(start, tracks=strokes[None].to(device))
        if request.frames:
            video = noise.video.clone()
            video[0, given] = _latents(model, request.frames.values())
            start = _with(start, video=video)
        if request.prompt is not None:
            numbers = model.facts.vocabulary.encode(request.prompt, model.uvit.positions.shape[0])
            known.add("text")
            start = _with(start, text=model.uvit.embed(torch.tensor([numbers], device=device)))
        if request.motion is not None:
            known.add("motion")
            level = model.facts.standardised(request.motion)
            start = _with(start, motion=torch.full((1, 1), level, device=device))
        if request.reference is not None:
            known.add("reference")
            start = _with(start, reference=_latents(model, [request.reference]))
        made = {"video"} if len(request.frames) < layout.frames else set[str]()
        if not made:
            known.add("video")
        if request.write:
            made.add("text")
        if not made:
            raise UsageError("nothing is left to be made", source="request", field="frames")
        return cls(
            cameras, times, noise, start, scene.to(device), frozenset(known), frozenset(made)
        )


def _run(model: Model, request: Request, plan: _Plan, progress: Progress) -> tuple[State, Tensor]:
    """State at the end, and the last logits of the words."""
    moving = ~plan.scene.given[..., None, None, None]
    last: list[Tensor] = []

    def field(state: State, time: float) -> State:
        shown = dict.fromkeys(plan.made, time) | dict.fromkeys(plan.given, 0.0)
        clocks = Clocks.of(1, model.device, **shown)
        speed, logits = guided(
            model.uvit, state, clocks, plan.scene, absent=plan.noise,
            text_scale=request.text_scale, motion_scale=request.motion_scale,
        )  # fmt: skip
        last[:] = [logits]
        still = speed.map(torch.zeros_like)
        return _with(
            still,
            **{name: getattr(speed, name) for name in plan.made if name != "video"},
            **({"video": speed.video * moving} if "video" in plan.made else {}),
        )

    state = plan.start
    times = schedule(request.steps)
    path = integrate(field, plan.start, times, method=request.method)
    for step, state in enumerate(path, start=1):  # noqa: B007
        progress("generation", step / request.steps, f"step {step} of {request.steps}")
    return state, last[0]


def _with(state: State, **changed: Tensor) -> State:
    return replace(state, **changed)


def _noise(model: Model, seed: int) -> State:
    """Noise for all modalities, drawn on the CPU so that devices agree."""
    layout, latent = model.layout, model.configs[0]
    side, g = layout.size // latent.factor, generator(seed, 3)
    words, width = model.uvit.positions.shape[0], model.uvit.words.weight.shape[1]
    shapes = {
        "video": (layout.frames, latent.channels, side, side),
        "text": (words, width),
        "motion": (1,),
        "tracks": (layout.strokes, 2 * layout.front),
        "reference": (latent.channels, side, side),
    }
    return State(**{name: torch.randn(1, *shape, generator=g) for name, shape in shapes.items()})


def _filming(model: Model, request: Request) -> tuple[tuple[Camera, ...], Array]:
    layout = model.layout
    cameras = request.cameras or model.facts.cameras(layout)
    times = np.array(model.facts.times) if request.times is None else request.times
    times = checked("times", times, ("f",))
    if len(cameras) != layout.frames or len(times) != layout.frames:
        raise UsageError(
            f"has {len(cameras)} cameras and {len(times)} times, the model makes {layout.frames}",
            source="request", field="cameras, times",
        )  # fmt: skip
    if times.min() < 0 or times.max() > 1:
        raise UsageError("must lie in 0..1", source="request", field="times")
    wrong = [i for i in request.frames if not 0 <= i < layout.frames]
    if wrong:
        raise UsageError(
            f"{wrong[0]} is no index of a frame", source="request", field="frames",
            remedy=f"give 0 to {layout.frames - 1}",
        )  # fmt: skip
    return tuple(c.resized(layout.size, layout.size) for c in cameras), times


def _strokes(model: Model, request: Request) -> tuple[Tensor, Tensor]:
    layout = model.layout
    tracks = torch.zeros(layout.strokes, 2 * layout.front)
    drawn = torch.zeros(layout.strokes, dtype=torch.bool)
    if request.tracks is not None:
        asked = checked("tracks", request.tracks, ("k", layout.front, 2), dtype=np.float32)
        if len(asked) > layout.strokes:
            raise UsageError(
                f"has {len(asked)} strokes", source="request", field="tracks",
                remedy=f"give at most {layout.strokes}",
            )  # fmt: skip
        tracks[: len(asked)] = torch.from_numpy(asked).flatten(1)
        drawn[: len(asked)] = True
    return tracks, drawn


def _latents(model: Model, images: Iterable[Array]) -> Tensor:
    size = model.layout.size
    found = [checked("picture", x, (size, size, 4), dtype=np.uint8) for x in images]
    stacked = torch.from_numpy(np.stack(found)).to(model.device)
    return model.autoencoder.encode(as_pictures(stacked))

"""Samples as tensors, and what is drawn of them for a training step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reel2sim.generation.uvit.config import TrainConfig
from reel2sim.generation.uvit.facts import MOST, Facts, share_of_motion
from reel2sim.generation.uvit.rays import object_frame, plucker
from reel2sim.generation.uvit.sample import Sample
from reel2sim.generation.uvit.tokens import Clocks, Mapped, Scene, State


@dataclass(frozen=True, eq=False)
class Clean(Mapped):
    """Samples as the model reads them; the batch is first.

    Attributes:
        video: standardised latents ``(n, f, c, h, w)``.
        words: ``(n, l)`` int64.
        motion: standardised ``(n, 1)``.
        tracks: all paths that are known ``(n, m, 2 t)``, filled up with zeros.
        known: how many of them there are ``(n,)``.
        rays: ``(n, f, p, 6)``.
        times: ``(n, f)``.
    """

    video: Tensor
    words: Tensor
    motion: Tensor
    tracks: Tensor
    known: Tensor
    rays: Tensor
    times: Tensor


_PATHS = 64


def clean(samples: Sequence[Sample], video: Tensor, facts: Facts, config: TrainConfig) -> Clean:
    """All that is known of ``samples`` whose latents are ``video``."""
    layout, code = config.layout, facts.vocabulary
    grid = layout.size // config.autoencoder.factor // config.model.patch
    tracks = torch.zeros(len(samples), _PATHS, 2 * layout.front)
    rays: list[np.ndarray] = []
    for i, sample in enumerate(samples):
        found = torch.from_numpy(sample.tracks[:_PATHS]).flatten(1)
        tracks[i, : len(found)] = found
        target, unit = object_frame(sample.cameras[: layout.static])
        rays.append(plucker(sample.cameras, grid, target=target, unit=unit))
    times = np.stack([share_of_motion(sample.times_s) for sample in samples])
    return Clean(
        video=video,
        words=torch.tensor([code.encode(s.prompt, config.model.words) for s in samples]),
        motion=torch.tensor([[facts.standardised(s.motion)] for s in samples]),
        tracks=tracks,
        known=torch.tensor([min(len(s.tracks), _PATHS) for s in samples]),
        rays=torch.from_numpy(np.stack(rays)),
        times=torch.from_numpy(times).float(),
    )


def chosen(count: int, batch: int, step: int, seed: int) -> Tensor:
    """Samples of a step ``(batch,)``: all in random order, then all in another, and so on."""
    places = torch.arange(step * batch, (step + 1) * batch)
    found = torch.empty(batch, dtype=torch.long)
    for epoch in places.div(count, rounding_mode="floor").unique().tolist():
        order = torch.randperm(count, generator=generator(seed, 1, epoch))
        here = places.div(count, rounding_mode="floor") == epoch
        found[here] = order[places[here] % count]
    return found


def generator(seed: int, *numbers: int) -> torch.Generator:
    """A CPU generator of its own for each tuple of numbers, so that nothing need be remembered."""
    words = np.random.SeedSequence([seed, *numbers]).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))


@dataclass(frozen=True, eq=False)
class Batch(Mapped):
    """One training step's input: clean values, noise, clocks, and what is to be predicted.

    Attributes:
        video: clean latents ``(b, f, c, h, w)``.
        words: ``(b, l)``.
        motion: ``(b, 1)``.
        tracks: ``(b, k, 2 t)``.
        reference: ``(b, c, h, w)``.
        noise_video: of the shape of the above, and so on.
        rays: ``(b, f, p, 6)``.
        times: ``(b, f)``.
        given: ``(b, f)``.
        drawn: ``(b, k)``.
        clocks: timesteps ``(b, 5)`` in the order of ``MODALITIES``.
    """

    video: Tensor
    words: Tensor
    motion: Tensor
    tracks: Tensor
    reference: Tensor
    noise_video: Tensor
    noise_text: Tensor
    noise_motion: Tensor
    noise_tracks: Tensor
    noise_reference: Tensor
    rays: Tensor
    times: Tensor
    given: Tensor
    drawn: Tensor
    clocks: Tensor

    @property
    def times_of(self) -> Clocks:
        """The timestep of each modality."""
        return Clocks(*self.clocks.unbind(1))

    @property
    def scene(self) -> Scene:
        """What is known of frames and strokes."""
        return Scene(self.rays, self.times, self.given, self.drawn)

    @property
    def noise(self) -> State:
        """Of all modalities."""
        return State(
            self.noise_video,
            self.noise_text,
            self.noise_motion,
            self.noise_tracks,
            self.noise_reference,
        )


def draw_batch(data: Clean, config: TrainConfig, step: int) -> Batch:
    """The whole batch of a step, the same on every process and after every resume."""
    g = generator(config.seed, 2, step)
    some = data[chosen(len(data.words), config.batch, step, config.seed)]
    b, f = some.times.shape
    video, rays, times, still = _stilled(some, config, g)
    tracks, drawn = _strokes(some, config.layout.strokes, g)
    drawn &= ~still[:, None]
    reference = video[torch.arange(b), torch.randint(f, (b,), generator=g)]
    # A still film moves as little as any; with no stroke and no magnitude given it is the 3D prior.
    motion = torch.where(still[:, None], _STILL, some.motion)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g)

    return Batch(
        video=video,
        words=some.words,
        motion=motion,
        tracks=tracks,
        reference=reference,
        noise_video=noise(*video.shape),
        noise_text=noise(b, config.model.words, config.model.word_width),
        noise_motion=noise(*motion.shape),
        noise_tracks=noise(*tracks.shape),
        noise_reference=noise(*reference.shape),
        rays=rays,
        times=times,
        given=_given(b, config, g),
        drawn=drawn,
        clocks=draw_clocks(b, g),
    )


_STILL = torch.tensor(-MOST)
"""Standardised magnitude of a still film: less than any that moves."""
_STILLED = 0.1
"""Share of samples that show the object before it moves, in all frames."""
_CHANCES = {"video": (0.1, 0.02), "text": (0.65, 0.15), "motion": (0.55, 0.35)}
"""Of a modality to be given, and to be absent; else its time is drawn."""
_REFERENCE = 0.25
_SHIFT, _SPREAD = 1.0, 1.3
"""Of the normal law whose logistic function gives times of the video."""


def draw_clocks(batch: int, g: torch.Generator) -> Tensor:
    """Timesteps ``(b, 5)``, each modality's independently of the others, as in UniDiffuser.

    So every joint, conditional and marginal distribution is trained. Where no modality is left to
    be predicted, the video is.
    """
    found = torch.empty(batch, 5)
    open_ = torch.zeros(batch, dtype=torch.bool)
    for i, name in enumerate(("video", "text", "motion")):
        at_zero, at_one = _CHANCES[name]
        dice = torch.rand(batch, generator=g)
        time = torch.rand(batch, generator=g)
        if name == "video":
            time = _video_times(batch, g)
        given, absent = dice < at_zero, dice >= 1 - at_one
        found[:, i] = time.masked_fill(given, 0.0).masked_fill(absent, 1.0)
        open_ |= ~(given | absent)
    found[:, 0] = torch.where(open_, found[:, 0], _video_times(batch, g))
    dice = torch.rand(batch, 3, generator=g)
    found[:, 3] = torch.where(dice[:, 0] < 0.8, 0.0, dice[:, 1])
    found[:, 4] = (dice[:, 2] >= _REFERENCE).float()
    return found


def _video_times(batch: int, g: torch.Generator) -> Tensor:
    """Logit-normal times ``(batch,)``, shifted towards the noise.

    What all frames share, above all colour, shows through much noise and so is settled near 1;
    Esser et al. 2024 (arXiv 2403.03206, section 5.3.2) shift for the same reason.
    """
    return torch.sigmoid(_SHIFT + _SPREAD * torch.randn(batch, generator=g))


def _given(batch: int, config: TrainConfig, g: torch.Generator) -> Tensor:
    """Frames that are conditions ``(b, f)``: mostly none; first, first and last, or the orbit."""
    layout = config.layout
    first, last = layout.first_front, layout.frames - 1
    dice = torch.rand(batch, generator=g)
    several = torch.randint(1, layout.front, (batch,), generator=g)
    given = torch.zeros(batch, layout.frames, dtype=torch.bool)
    given[:, first] = dice < 0.35
    given[:, last] = (dice >= 0.15) & (dice < 0.25)
    frames = torch.arange(layout.frames)
    given |= (
        ((dice >= 0.25) & (dice < 0.35))[:, None]
        & (frames >= first)
        & (frames - first < several[:, None])
    )
    given |= ((dice >= 0.35) & (dice < 0.45))[:, None] & (frames < layout.static)
    return given


def _stilled(
    some: Clean, config: TrainConfig, g: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Latents, rays and times, and which samples are still.

    Those have a still front view, and pictures of the still orbit in place of the moving one's.
    """
    layout = config.layout
    b = len(some.times)
    still = torch.rand(b, generator=g) < _STILLED
    source = torch.arange(layout.frames).repeat(b, 1)
    turned = torch.randint(layout.static, (b, 1), generator=g) + torch.arange(layout.moving)
    moving = slice(layout.static, layout.first_front)
    source[:, moving] = torch.where(still[:, None], turned % layout.static, source[:, moving])
    source[:, layout.first_front :] = torch.where(
        still[:, None], layout.first_front, source[:, layout.first_front :]
    )
    rows = torch.arange(b)[:, None]
    times = some.times * ~still[:, None]
    return some.video[rows, source], some.rays[rows, source], times, still


def _strokes(some: Clean, most: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """A few of the known paths ``(b, k, 2 t)``, and which of them are drawn ``(b, k)``."""
    b, m, _ = some.tracks.shape
    score = torch.rand(b, m, generator=g)
    score[torch.arange(m) >= some.known[:, None]] = 2.0
    order = score.argsort(dim=1, stable=True)[:, :most]
    tracks = some.tracks.gather(1, order[..., None].expand(-1, -1, some.tracks.shape[2]))
    there = torch.arange(most) < some.known[:, None]
    wanted = torch.rand(b, generator=g)[:, None] < 0.5
    drawn = there & wanted & (torch.rand(b, most, generator=g) < 0.6)
    return tracks, drawn

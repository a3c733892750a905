"""What training minimises, as modules whose forward pass is the loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from reel2sim.generation.uvit.autoencoder import Autoencoder, autoencoder_loss, mean_squared
from reel2sim.generation.uvit.config import Layout, TrainConfig
from reel2sim.generation.uvit.data import Batch
from reel2sim.generation.uvit.flow import clean_from, noised, velocity
from reel2sim.generation.uvit.model import UViT
from reel2sim.generation.uvit.tokens import Clocks, Scene, State

_MOTION, _TRACKS = 0.05, 0.1
"""Weights of the velocities of magnitude and strokes beside that of the video."""


class AutoencoderObjective(nn.Module):
    """Reconstruction error of pictures."""

    def __init__(self, network: Autoencoder, kl: float) -> None:
        super().__init__()
        self.network = network
        self.kl = kl

    def forward(self, pictures: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Loss, and mean PSNR of the pictures in dB."""
        again, divergence = self.network(pictures, noise)
        loss = autoencoder_loss(pictures, again.float(), divergence.float(), self.kl)
        # A picture spans −1..1, so its peak is 2.
        error = mean_squared(again.float(), pictures) / 4.0
        return {"loss": loss, "psnr": (-10.0 * error.clamp_min(1e-10).log10()).mean()}


@dataclass(frozen=True)
class Shares:
    """One over the summed weights of a global batch, by term of the loss.

    Known before the model runs, on every process, so that the mean over processes of their losses
    is the loss of the whole batch.
    """

    video: float
    text: float
    motion: float
    tracks: float

    @classmethod
    def of(cls, batch: Batch) -> Shares:
        """Of a whole batch."""
        sums = [float(w.sum()) for w in _weights(batch.times_of, batch.scene)]
        return cls(*(1.0 / max(total, 1.0) for total in sums))


def _weights(clocks: Clocks, scene: Scene) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """1 where a value is to be predicted: frames ``(b, f)``, texts, magnitudes, strokes."""

    def running(t: Tensor) -> Tensor:
        return ((t > 0) & (t < 1)).float()

    video = running(clocks.video)[:, None] * ~scene.given
    tracks = running(clocks.tracks)[:, None] * scene.drawn
    return video, running(clocks.text), running(clocks.motion), tracks


class FlowObjective(nn.Module):
    """Flow matching of all modalities, cross entropy of words, and motion magnitude."""

    def __init__(self, model: UViT, config: TrainConfig) -> None:
        super().__init__()
        self.model = model
        self.layout = config.layout
        self.text_weight, self.motion_weight = config.text_weight, config.motion_weight

    def forward(self, batch: Batch, shares: Shares, world: int) -> dict[str, Tensor]:
        """Terms of the loss of this process's part of a batch, and their sum as ``loss``."""
        clocks, scene, noise = batch.times_of, batch.scene, batch.noise
        text = self.model.embed(batch.words)
        clean = State(batch.video, text, batch.motion, batch.tracks, batch.reference)
        frames = clocks.video[:, None] * ~scene.given
        noisy = State(
            noised(clean.video, noise.video, frames),
            noised(clean.text, noise.text, clocks.text),
            noised(clean.motion, noise.motion, clocks.motion),
            noised(clean.tracks, noise.tracks, clocks.tracks),
            noised(clean.reference, noise.reference, clocks.reference),
        )
        speed, logits = self.model(noisy, clocks, scene)
        wv, wt, wm, wk = _weights(clocks, scene)
        true = velocity(clean.video, noise.video)
        off = _square(speed.video - true, keep=2)
        words = functional.cross_entropy(
            logits.float().flatten(0, 1), batch.words.flatten(), reduction="none"
        ).unflatten(0, batch.words.shape)
        terms = {
            "video": (wv * off).sum() * shares.video,
            "text": (wt * words.mean(1)).sum() * shares.text,
            "motion": (wm * _square(speed.motion - velocity(clean.motion, noise.motion), keep=1))
            .sum() * shares.motion,
            "tracks": (wk * _square(speed.tracks - velocity(clean.tracks, noise.tracks), keep=2))
            .sum() * shares.tracks,
            "magnitude": self._magnitude(batch, noisy, speed, frames, wv) * shares.video
            * self.layout.frames,
        }  # fmt: skip
        terms = {name: term * world for name, term in terms.items()}
        loss = (
            terms["video"]
            + self.text_weight * terms["text"]
            + _MOTION * terms["motion"]
            + _TRACKS * terms["tracks"]
            + self.motion_weight * terms["magnitude"]
        )
        return {"loss": loss, **{name: term.detach() for name, term in terms.items()}}

    def _magnitude(
        self, batch: Batch, noisy: State, speed: State, frames: Tensor, weight: Tensor
    ) -> Tensor:
        """Motion magnitude reconstruction of Diffusion4D (arXiv 2405.16645, eq. 2), summed.

        Weighted with (1 − t)²: near the noise the best guess is a mean film, which moves less.
        """
        guess = clean_from(noisy.video, speed.video.float(), frames)
        wanted = latent_magnitude(batch.video, batch.video, self.layout)
        reached = latent_magnitude(guess, batch.video, self.layout)
        sure = (1.0 - batch.times_of.video).square() * weight.amax(dim=1)
        return (sure * (reached - wanted).square()).sum()


def latent_magnitude(video: Tensor, still: Tensor, layout: Layout) -> Tensor:
    """Mean squared difference of front frames to the first of ``still`` ``(b,)``, in latents."""
    first = layout.first_front
    return (video[:, first + 1 :] - still[:, first : first + 1]).square().flatten(1).mean(1)


def _square(x: Tensor, *, keep: int) -> Tensor:
    """Mean square over all but the first ``keep`` dimensions."""
    return x.float().square().flatten(keep).mean(-1)


def total(terms: dict[str, Tensor]) -> Tensor:
    """The loss itself, refusing what is not finite."""
    if not torch.isfinite(terms["loss"]):
        raise FloatingPointError("the loss is not finite")
    return terms["loss"]

"""A convolutional autoencoder of single frames: pictures to latents and back."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from reel2sim.generation.uvit.config import AutoencoderConfig

PICTURE = 4
"""Channels of a picture: colour over white, and coverage; −1..1."""
_BOUND = (-12.0, 6.0)
"""Log variances are kept between these."""


class _Residual(nn.Module):
    """Two normalised 3×3 convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


def _widths(config: AutoencoderConfig) -> list[int]:
    """Channels of each level, finest first; the first has half of the picture's pixels."""
    levels = int(math.log2(config.factor))
    return [config.width if i == 0 else 2 * config.width for i in range(levels)]


class Autoencoder(nn.Module):
    """Pictures ``(n, 4, h, w)`` in −1..1 to latents ``(n, c, h / factor, w / factor)`` and back.

    The encoder gives mean and log variance of a Gaussian, as in latent diffusion (Rombach et al.
    2022). The first level folds 2 × 2 pixels into channels, which costs a quarter of a
    convolution at full size. ``shift`` and ``scale`` are of the latents of the training data and
    make them unit Gaussians, channel by channel.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths = _widths(config)
        down: list[nn.Module] = [
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * PICTURE, widths[0], 3, padding=1),
            _Residual(widths[0]),
        ]
        up: list[nn.Module] = [
            _Residual(widths[0]),
            nn.GroupNorm(8, widths[0]),
            nn.SiLU(),
            nn.Conv2d(widths[0], 4 * PICTURE, 3, padding=1),
            nn.PixelShuffle(2),
        ]
        for fine, coarse in pairwise(widths):
            down += [nn.Conv2d(fine, coarse, 3, stride=2, padding=1), _Residual(coarse)]
            up = [
                _Residual(coarse),
                nn.Upsample(scale_factor=2, mode="nearest"),
                nn.Conv2d(coarse, fine, 3, padding=1),
                *up,
            ]
        last = widths[-1]
        down += [nn.GroupNorm(8, last), nn.SiLU(), nn.Conv2d(last, 2 * config.channels, 1)]
        self.encoder = nn.Sequential(*down)
        self.decoder = nn.Sequential(nn.Conv2d(config.channels, last, 3, padding=1), *up)
        self.register_buffer("shift", torch.zeros(config.channels))
        self.register_buffer("scale", torch.ones(config.channels))

    def posterior(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the raw latents of ``pictures``."""
        mean, log_variance = self.encoder(pictures).chunk(2, dim=1)
        return mean, log_variance.clamp(*_BOUND)

    def forward(self, pictures: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures again, from latents drawn with ``noise``, and the divergence ``(n,)``, nats."""
        mean, log_variance = self.posterior(pictures)
        drawn = mean + torch.exp(0.5 * log_variance) * noise
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).flatten(1).sum(1)
        return self.decoder(drawn), divergence

    def encode(self, pictures: Tensor) -> Tensor:
        """Standardised latents of ``pictures``, without noise."""
        mean, _ = self.posterior(pictures)
        return (mean - self.shift[:, None, None]) / self.scale[:, None, None]

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures of standardised latents; may leave −1..1 a little."""
        return self.decoder(latents * self.scale[:, None, None] + self.shift[:, None, None])


def autoencoder_loss(pictures: Tensor, again: Tensor, divergence: Tensor, kl: float) -> Tensor:
    """Mean absolute and squared difference, more on the object, plus ``kl`` nats per latent."""
    weight = 1.0 + 3.0 * (pictures[:, 3:] > -1.0)
    weight = weight / weight.mean()
    difference = again - pictures
    error = (weight * (difference.abs() + difference.square())).mean()
    return error + kl * divergence.mean()


def as_pictures(images: Tensor) -> Tensor:
    """uint8 ``(..., h, w, 4)`` as ``(..., 4, h, w)`` in −1..1."""
    return images.movedim(-1, -3).to(torch.float32) / 127.5 - 1.0


def as_images(pictures: Tensor) -> Tensor:
    """Inverse of :func:`as_pictures`, clipped and rounded."""
    levels = ((pictures.float() + 1.0) * 127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).movedim(-3, -1)


@torch.no_grad()
def encode_all(network: Autoencoder, images: Tensor, *, most: int = 256) -> Tensor:
    """Standardised latents of many uint8 images ``(n, h, w, 4)``, on the CPU."""
    device = network.shift.device
    parts = [network.encode(as_pictures(some.to(device))).cpu() for some in images.split(most)]
    return torch.cat(parts)


@torch.no_grad()
def standardise(network: Autoencoder, images: Tensor) -> None:
    """Set ``shift`` and ``scale`` from the latents of ``images`` ``(n, h, w, 4)``."""
    network.shift.zero_()
    network.scale.fill_(1.0)
    latents = encode_all(network, images).double()
    network.shift.copy_(latents.mean(dim=(0, 2, 3)))
    network.scale.copy_(latents.std(dim=(0, 2, 3)).clamp_min(1e-4))


def mean_squared(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference of each of n pictures ``(n,)``."""
    return functional.mse_loss(a, b, reduction="none").flatten(1).mean(1)

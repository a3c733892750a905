"""U-ViT over tokens of frames, words, motion magnitude, strokes and a reference picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from reel2sim.generation.uvit.blocks import Block, Waves
from reel2sim.generation.uvit.config import AutoencoderConfig, Layout, ModelConfig
from reel2sim.generation.uvit.flow import preconditioned, scaled, word_velocity
from reel2sim.generation.uvit.tokens import MODALITIES, Clocks, Scene, State, patches, unpatched


class UViT(nn.Module):
    """Velocities of all modalities from their noisy values.

    Every input is a token: patches of each frame and of the reference picture, words, the motion
    magnitude, strokes, and for each modality its timestep. Timesteps are also added to the tokens
    of their modality and the motion magnitude to those of all frames, which a short training finds
    faster than attention does. Frames are told apart by their rays
    and times alone, so any number of them in any order can be asked for; the same holds for
    strokes. Tokens go through blocks with long skips and then through a head of their modality.

    Args:
        config: of the transformer.
        latent: of the autoencoder.
        layout: of a sample; its frame counts matter only where ``config.cameras`` is not set.
        vocabulary: number of distinct words.
    """

    def __init__(
        self, config: ModelConfig, latent: AutoencoderConfig, layout: Layout, vocabulary: int
    ) -> None:
        super().__init__()
        width, self.side, self.channels = config.width, config.patch, latent.channels
        grid = layout.size // latent.factor // config.patch
        cell, points = latent.channels * config.patch**2, 2 * layout.front
        self.words = nn.Embedding(vocabulary, config.word_width)
        self.read = nn.ModuleDict(
            {
                "video": nn.Linear(cell, width),
                "text": nn.Linear(config.word_width, width),
                "motion": Waves(1, width, octaves=2),
                "tracks": nn.Linear(points, width),
                "reference": nn.Linear(cell, width),
            }
        )
        self.clocks = Waves(1, width, octaves=6)
        self.kinds = nn.Parameter(torch.zeros(len(MODALITIES), width))
        self.clock_kinds = nn.Parameter(torch.zeros(len(MODALITIES), width))
        self.places = nn.Parameter(torch.zeros(grid * grid, width))
        self.positions = nn.Parameter(torch.zeros(config.words, width))
        self.given = nn.Parameter(torch.zeros(width))
        self.no_stroke = nn.Parameter(torch.zeros(width))
        self.times = Waves(1, width, octaves=5)
        self.rays = Waves(6, width, octaves=4) if config.cameras else None
        self.frames = None if config.cameras else nn.Parameter(torch.zeros(layout.frames, width))
        half = config.depth // 2
        self.before = nn.ModuleList(Block(width, config.heads, skip=False) for _ in range(half))
        self.middle = Block(width, config.heads, skip=False)
        self.after = nn.ModuleList(
            Block(width, config.heads, skip=config.skips) for _ in range(half)
        )
        self.norm = nn.LayerNorm(width)
        self.write = nn.ModuleDict(
            {
                "video": nn.Linear(width, cell),
                "text": nn.Linear(width, vocabulary),
                "motion": nn.Linear(width, 1),
                "tracks": nn.Linear(width, points),
            }
        )
        self.smooth = nn.Conv2d(latent.channels, latent.channels, 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        for table in (self.kinds, self.clock_kinds, self.places, self.positions, self.frames):
            if table is not None:
                nn.init.trunc_normal_(table, std=0.02)
        nn.init.normal_(self.words.weight)
        for name in ("video", "motion", "tracks"):  # so the first guess is the best linear one
            for value in self.write[name].parameters():
                nn.init.zeros_(value)
        nn.init.dirac_(self.smooth.weight)
        if self.smooth.bias is not None:
            nn.init.zeros_(self.smooth.bias)

    @property
    def hidden(self) -> list[nn.Parameter]:
        """Matrices of the blocks, which map tokens to tokens."""
        blocks = [*self.before, self.middle, *self.after]
        return [p for block in blocks for p in block.parameters() if p.ndim == 2]

    @property
    def table(self) -> Tensor:
        """Embedding of every word ``(words, e)``, of unit variance each, as noise is."""
        return functional.layer_norm(self.words.weight, self.words.weight.shape[1:])

    def embed(self, numbers: Tensor) -> Tensor:
        """Embeddings ``(b, l, e)`` of words ``(b, l)``."""
        return functional.embedding(numbers, self.table)

    def forward(self, noisy: State, clocks: Clocks, scene: Scene) -> tuple[State, Tensor]:
        """Velocities of all modalities, and logits of the words ``(b, l, words)``.

        The velocity of text follows from the logits, see :func:`.flow.word_velocity`. A reference
        is never made, so its velocity is zero.
        """
        marks = self._clock_tokens(clocks)
        groups = [*self._groups(noisy, clocks, scene, marks), marks]
        lengths = [group.shape[1] for group in groups]
        x = self._mix(torch.cat(groups, dim=1))
        video, text, motion, tracks, *_ = x.split(lengths, dim=1)
        b, f = noisy.video.shape[:2]
        grid = unpatched(self.write["video"](video).unflatten(1, (f, -1)), self.side, self.channels)
        smooth = self.smooth(grid.flatten(0, 1)).unflatten(0, (b, f))
        logits = self.write["text"](text)
        velocity = State(
            video=preconditioned(noisy.video, smooth, _frame_times(clocks, scene)),
            text=word_velocity(noisy.text, logits, self.table, clocks.text),
            motion=self.write["motion"](motion)[:, 0],
            tracks=self.write["tracks"](tracks),
            reference=torch.zeros_like(noisy.reference),
        )
        return velocity, logits

    def _groups(self, noisy: State, clocks: Clocks, scene: Scene, marks: Tensor) -> list[Tensor]:
        """Tokens ``(b, n, width)`` of each modality, in the order of ``MODALITIES``."""
        video = scaled(noisy.video, _frame_times(clocks, scene))
        motion = self.read["motion"](noisy.motion[:, None])
        frames = self.read["video"](patches(video, self.side)) + self.places
        frames = frames + self.times(scene.times[..., None])[:, :, None]
        frames = frames + scene.given[:, :, None, None] * self.given
        sure = (1.0 - clocks.motion)[:, None, None]  # one that is absent shall not disturb frames
        level = sure * motion + marks[:, MODALITIES.index("motion")][:, None]
        frames = frames + level[:, :, None]
        if self.rays is not None:
            frames = frames + self.rays(scene.rays)
        if self.frames is not None:
            frames = frames + self.frames[:, None]
        strokes = self.read["tracks"](noisy.tracks)
        found = [
            frames.flatten(1, 2),
            self.read["text"](noisy.text) + self.positions[: noisy.text.shape[1]],
            motion,
            torch.where(scene.drawn[..., None], strokes, self.no_stroke),
            self.read["reference"](patches(noisy.reference, self.side)) + self.places,
        ]
        known = zip(found, self.kinds, marks.unbind(1), strict=True)
        return [tokens + kind + mark[:, None] for tokens, kind, mark in known]

    def _clock_tokens(self, clocks: Clocks) -> Tensor:
        shown = torch.stack([getattr(clocks, name) for name in MODALITIES], dim=1)
        return self.clocks(shown[..., None]) + self.clock_kinds

    def _mix(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for block in self.before:
            x = block(x)
            kept.append(x)
        x = self.middle(x)
        for block in self.after:
            x = block(x, kept.pop())
        return self.norm(x)


def _frame_times(clocks: Clocks, scene: Scene) -> Tensor:
    """The timestep of each frame ``(b, f)``: 0 of those that are given."""
    return clocks.video[:, None] * ~scene.given


def parameters(module: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(p.numel() for p in module.parameters())

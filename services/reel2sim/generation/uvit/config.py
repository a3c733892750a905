"""What a generator is: the layout of a sample, the two networks, and how they are trained."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal

from reel2sim.scene.errors import InputError, UsageError

Precision = Literal["float32", "bfloat16"]
PresetName = Literal["tiny", "small", "base"]


def _require(kind: str, **checks: tuple[bool, str]) -> None:
    for name, (fine, remedy) in checks.items():
        if not fine:
            raise UsageError("is out of range", source=kind, field=name, remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The frames of a sample, in this order.

    Attributes:
        static: pictures of the still object from an orbit, all at time zero.
        moving: pictures from an orbit while the object moves.
        front: pictures of a camera that stands still while the object moves.
        size: both sides of a picture, pixels.
        strokes: most motion-brush strokes: paths of surface points in the front camera.
    """

    static: int = 8
    moving: int = 8
    front: int = 8
    size: int = 64
    strokes: int = 4

    def __post_init__(self) -> None:
        _require(
            "layout",
            static=(2 <= self.static <= 128, "give 2 to 128 frames"),
            moving=(2 <= self.moving <= 128, "give 2 to 128 frames"),
            front=(self.front == self.moving, "give as many frames as `moving` has"),
            size=(self.size in (16, 32, 64, 128, 256), "give 16, 32, 64, 128 or 256 pixels"),
            strokes=(1 <= self.strokes <= 64, "give 1 to 64"),
        )

    @property
    def frames(self) -> int:
        """Pictures of a sample."""
        return self.static + self.moving + self.front

    @property
    def streams(self) -> tuple[str, ...]:
        """Stream of each frame, as in the scripted reels."""
        return ("static",) * self.static + ("orbit",) * self.moving + ("front",) * self.front

    @property
    def first_front(self) -> int:
        """Index of the first frame of the front stream."""
        return self.static + self.moving


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """A convolutional autoencoder of single frames, RGBA over white.

    Attributes:
        factor: pixels per latent, along each side.
        channels: of a latent.
        width: channels of the widest pictures; deeper levels have up to twice as many.
        kl: weight of the divergence from a unit Gaussian, which keeps latents bounded.
    """

    factor: int = 8
    channels: int = 8
    width: int = 64
    kl: float = 1e-5

    def __post_init__(self) -> None:
        _require(
            "autoencoder",
            factor=(self.factor in (2, 4, 8, 16), "give 2, 4, 8 or 16"),
            channels=(1 <= self.channels <= 64, "give 1 to 64"),
            width=(8 <= self.width <= 512 and self.width % 8 == 0, "give a multiple of 8 to 512"),
            kl=(0.0 <= self.kl <= 1.0, "give 0 to 1"),
        )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The transformer.

    Attributes:
        width: of a token.
        depth: blocks: as many before the middle one as after it, so an odd number.
        heads: of attention.
        patch: latents per token, along each side.
        words: most tokens of a prompt.
        word_width: of the embedding in which text is noised.
        skips: long skips from each block before the middle to its counterpart after it. Without
            them the rest is unchanged: an ablation.
        cameras: whether tokens know the rays of their pixels. Without, frames are told apart by a
            learned index instead, so that the ablation takes away cameras and nothing else.
    """

    width: int = 256
    depth: int = 9
    heads: int = 4
    patch: int = 2
    words: int = 40
    word_width: int = 32
    skips: bool = True
    cameras: bool = True

    def __post_init__(self) -> None:
        _require(
            "model",
            width=(
                16 <= self.width <= 4096 and self.width % (2 * self.heads) == 0,
                "give a multiple of twice the heads, 16 to 4096",
            ),
            depth=(1 <= self.depth <= 99 and self.depth % 2 == 1, "give an odd number to 99"),
            heads=(1 <= self.heads <= 64, "give 1 to 64"),
            patch=(self.patch in (1, 2, 4), "give 1, 2 or 4"),
            words=(4 <= self.words <= 256, "give 4 to 256"),
            word_width=(4 <= self.word_width <= 512, "give 4 to 512"),
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training run.

    Attributes:
        layout: frames of a sample.
        autoencoder: first network.
        model: second network.
        autoencoder_steps: optimiser steps of the first.
        autoencoder_batch: frames in one of them.
        steps: optimiser steps of the second.
        batch: samples in one of them, over all processes.
        learning_rate: after the warm-up, of both networks.
        warmup: steps over which the rate rises from 0.
        cooldown: share of all steps, at the end, over which it falls to 0 again.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        ema: decay of the averaged weights.
        motion_weight: of Diffusion4D's motion magnitude reconstruction loss.
        text_weight: of the cross entropy of text.
        held_out: samples at the end of the data that are kept for evaluation.
        precision: of the forward pass on CUDA; the CPU computes in float32.
        checkpoint_every: steps between checkpoints.
        sheet_every: steps between sample sheets; 0 draws none but the last.
        seed: of everything random.
    """

    layout: Layout = field(default_factory=Layout)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    autoencoder_steps: int = 4000
    autoencoder_batch: int = 64
    steps: int = 100_000
    batch: int = 16
    learning_rate: float = 3e-4
    warmup: int = 500
    cooldown: float = 0.2
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.9995
    motion_weight: float = 0.1
    text_weight: float = 0.1
    held_out: int = 16
    precision: Precision = "float32"
    checkpoint_every: int = 1000
    sheet_every: int = 5000
    seed: int = 0

    def __post_init__(self) -> None:
        latent, cell = self.layout.size // self.autoencoder.factor, self.model.patch
        _require(
            "training",
            factor=(latent >= cell and latent % cell == 0, "give pictures of whole patches"),
            autoencoder_steps=(self.autoencoder_steps >= 1, "give at least 1"),
            autoencoder_batch=(self.autoencoder_batch >= 1, "give at least 1"),
            steps=(self.steps >= 1, "give at least 1"),
            batch=(self.batch >= 1, "give at least 1"),
            learning_rate=(0 < self.learning_rate < 1, "give a number in 0..1"),
            warmup=(self.warmup >= 0, "give 0 or more"),
            cooldown=(0 <= self.cooldown <= 1, "give a number in 0..1"),
            weight_decay=(0 <= self.weight_decay < 1, "give a number in 0..1"),
            clip=(self.clip > 0, "give a positive number"),
            ema=(0 <= self.ema < 1, "give a number in 0..1"),
            motion_weight=(self.motion_weight >= 0, "give 0 or more"),
            text_weight=(self.text_weight >= 0, "give 0 or more"),
            held_out=(self.held_out >= 0, "give 0 or more"),
            checkpoint_every=(self.checkpoint_every >= 1, "give at least 1"),
            sheet_every=(self.sheet_every >= 0, "give 0 or more"),
            seed=(0 <= self.seed < 2**31, "give 0 to 2³¹−1"),
        )


_PRESETS: dict[str, TrainConfig] = {
    "tiny": TrainConfig(
        layout=Layout(static=4, moving=4, front=4, size=32),
        autoencoder=AutoencoderConfig(factor=4, channels=4, width=32),
        model=ModelConfig(width=128, depth=5, heads=4, words=24),
        autoencoder_steps=700,
        autoencoder_batch=32,
        steps=6000,
        batch=8,
        learning_rate=1.5e-3,
        warmup=100,
        ema=0.998,
        held_out=24,
        checkpoint_every=250,
        sheet_every=1000,
    ),
    "small": TrainConfig(),
    "base": TrainConfig(
        model=ModelConfig(width=384, depth=11, heads=6),
        autoencoder_steps=20_000,
        autoencoder_batch=256,
        steps=200_000,
        batch=128,
        ema=0.9999,
        held_out=200,
        precision="bfloat16",
        checkpoint_every=2000,
        sheet_every=10_000,
    ),
}


def preset(name: str) -> TrainConfig:
    """A named size: ``tiny`` (32², a proof), ``small`` (64², a CPU), ``base`` (64², a GPU).

    Raises:
        UsageError: if there is none of that name.
    """
    if name not in _PRESETS:
        raise UsageError(
            f"unknown preset {name!r}",
            field="preset",
            remedy=f"choose one of {', '.join(_PRESETS)}",
        )
    return _PRESETS[name]


def from_record(kind: type[Any], record: Any, *, source: object) -> Any:
    """A configuration from what ``dataclasses.asdict`` made of it, read from a file.

    Every field must be there, of its type, and no other.

    Raises:
        InputError: naming the field, if not.
    """
    if not isinstance(record, dict):
        raise InputError(f"{kind.__name__} is not an object", source=source)
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(kind)]
    for name in sorted({*names} ^ {*record}):
        fault = "is missing" if name in names else "is unknown"
        raise InputError(fault, source=source, field=f"{kind.__name__}.{name}")
    values = {
        name: _value(hints[name], record[name], f"{kind.__name__}.{name}", source) for name in names
    }
    try:
        return kind(**values)
    except UsageError as cause:
        raise InputError(
            cause.message, source=source, field=f"{kind.__name__}.{cause.field}"
        ) from cause


def _value(kind: Any, value: Any, name: str, source: object) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return from_record(kind, value, source=source)
    if typing.get_origin(kind) is Literal:
        fine = value in typing.get_args(kind)
    elif typing.get_origin(kind) in (types.UnionType, typing.Union):
        fine = any(type(value) is k for k in typing.get_args(kind))
    else:
        fine = type(value) is kind or (kind is float and type(value) is int)
    if not fine:
        raise InputError(f"has the value {value!r}", source=source, field=name)
    return float(value) if kind is float else value

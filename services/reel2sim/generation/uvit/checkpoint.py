"""A trained generator as one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reel2sim.generation.uvit.autoencoder import Autoencoder
from reel2sim.generation.uvit.config import AutoencoderConfig, Layout, ModelConfig, from_record
from reel2sim.generation.uvit.facts import Facts
from reel2sim.generation.uvit.model import UViT, parameters
from reel2sim.generation.uvit.tensorfile import fill, read_tensors, under, within, write_tensors
from reel2sim.scene.errors import InputError

KIND, VERSION = "reel2sim-uvit", 1


@dataclass(frozen=True, eq=False)
class Model:
    """A generator that is ready to sample.

    Attributes:
        layout: frames of a sample.
        autoencoder: pictures to latents.
        uvit: the transformer.
        facts: about its training data.
        card: how it was trained: steps, seed, configuration.
    """

    layout: Layout
    autoencoder: Autoencoder
    uvit: UViT
    facts: Facts
    configs: tuple[AutoencoderConfig, ModelConfig]
    card: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.uvit.given.device

    @property
    def parameters(self) -> int:
        """Numbers in both networks."""
        return parameters(self.uvit) + parameters(self.autoencoder)

    def to(self, device: torch.device) -> Model:
        """Move it, and return it."""
        self.autoencoder.to(device)
        self.uvit.to(device)
        return self


def build(
    layout: Layout, autoencoder: AutoencoderConfig, model: ModelConfig, facts: Facts
) -> Model:
    """A generator with weights that are not set."""
    words = len(facts.vocabulary)
    networks = Autoencoder(autoencoder), UViT(model, autoencoder, layout, words)
    for network in networks:
        network.eval().requires_grad_(False)
    return Model(layout, *networks, facts, (autoencoder, model))


def save_model(model: Model, path: Path, *, half: bool = False) -> None:
    """Write a generator, in float16 if ``half``."""
    tensors: dict[str, Tensor] = {
        **under("autoencoder", model.autoencoder.state_dict()),
        **under("uvit", model.uvit.state_dict()),
    }
    if half:
        tensors = {name: tensor.half() for name, tensor in tensors.items()}
    record = {
        "kind": KIND,
        "version": VERSION,
        "layout": asdict(model.layout),
        "autoencoder": asdict(model.configs[0]),
        "model": asdict(model.configs[1]),
        "facts": model.facts.record(),
        "card": dict(model.card),
    }
    write_tensors(path, tensors, record)


def load_model(path: Path, *, device: torch.device | None = None) -> Model:
    """Read a generator; nothing in the file can run.

    Raises:
        InputError: if the file is damaged, of another kind, or its weights do not fit its
            configuration.
        MissingDependencyError: if safetensors is not installed.
    """
    tensors, record = read_tensors(path, kind=KIND)
    if record.get("version") != VERSION:
        raise InputError(
            f"has version {record.get('version')!r}, expected {VERSION}", source=path,
            remedy="use the version of Reel2Sim that wrote it",
        )  # fmt: skip
    layout = from_record(Layout, record.get("layout"), source=path)
    autoencoder = from_record(AutoencoderConfig, record.get("autoencoder"), source=path)
    config = from_record(ModelConfig, record.get("model"), source=path)
    facts = Facts.from_record(record.get("facts"), layout, source=path)
    if layout.size % (autoencoder.factor * config.patch):
        raise InputError("has patches that do not fit its pictures", source=path)
    # The file itself bounds what its configuration may ask for.
    if 12 * config.depth * config.width**2 > 4 * sum(t.numel() for t in tensors.values()):
        raise InputError("has fewer weights than its configuration says", source=path)
    model = build(layout, autoencoder, config, facts)
    fill(model.autoencoder, within("autoencoder", tensors), source=path)
    fill(model.uvit, within("uvit", tensors), source=path)
    card = record.get("card")
    model = Model(
        layout, model.autoencoder, model.uvit, facts, model.configs,
        card if isinstance(card, dict) else {},
    )  # fmt: skip
    return model if device is None else model.to(device)

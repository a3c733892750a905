"""Safetensors files that are read with suspicion: nothing in them can run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reel2sim.pipeline.atomic import write_atomically
from reel2sim.scene.errors import InputError, MissingDependencyError

_RECORD = "record"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write tensors and a JSON record, whole or not at all; the same content, the same bytes."""
    save_file = _library("torch").save_file
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Metadata of several keys is written in an order that changes from process to process.
    text = json.dumps(record, sort_keys=True)
    write_atomically(path, lambda aside: save_file(kept, aside, metadata={_RECORD: text}))


def read_tensors(path: Path, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`write_tensors` wrote.

    Args:
        path: file.
        kind: that its record must name as ``kind``.

    Raises:
        InputError: if it is another file, damaged, or holds a number that is not finite.
    """
    remedy = "give a .safetensors file of `reel2sim generator train`; pickles (.pt) are never read"
    library = _library("")
    if not path.is_file():
        raise InputError("is not a file", source=path, remedy=remedy)
    try:
        with library.safe_open(str(path), framework="pt", device="cpu") as stored:
            record = json.loads((stored.metadata() or {}).get(_RECORD, "null"))
            if not isinstance(record, dict) or record.get("kind") != kind:
                raise InputError(f"is not a {kind} file", source=path, remedy=remedy)
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (library.SafetensorError, OSError, ValueError, RecursionError) as cause:
        message = f"is not a safetensors file: {cause}"
        raise InputError(message, source=path, remedy=remedy) from cause
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError("is not finite", source=path, field=name)
    return tensors, record


def fill(module: torch.nn.Module, tensors: Mapping[str, Tensor], *, source: object) -> None:
    """Load all parameters and buffers of ``module``, whatever their precision in the file.

    Raises:
        InputError: naming the tensor that is missing, unknown or of another shape.
    """
    wanted = module.state_dict()
    for name in sorted({*wanted} ^ {*tensors}):
        fault = "is missing" if name in wanted else "is unknown"
        raise InputError(fault, source=source, field=name)
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}"
            raise InputError(f"has shape {shapes}", source=source, field=name)
    module.load_state_dict({n: t.to(wanted[n].dtype) for n, t in tensors.items()})


def within(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those under ``prefix.``, without it."""
    cut = len(prefix) + 1
    return {name[cut:]: t for name, t in tensors.items() if name.startswith(f"{prefix}.")}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All with ``prefix.`` before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _library(module: str) -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as cause:
        raise MissingDependencyError(
            "safetensors is not installed", remedy="pip install 'reel2sim[generate]'"
        ) from cause
    return safetensors.torch if module == "torch" else safetensors

"""Several processes that train one model, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import distributed, nn

from reel2sim.scene.errors import UnavailableError, UsageError

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class World:
    """The processes of a run.

    Attributes:
        rank: of this one.
        size: how many there are.
        device: on which this one computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and says how it goes."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """Which part of a global batch is this process's.

        Raises:
            UsageError: if the batch cannot be cut into equal parts.
        """
        if batch % self.size:
            raise UsageError(
                f"{batch} cannot be shared by {self.size} processes",
                field="batch",
                remedy=f"give a multiple of {self.size}",
            )
        part = batch // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def spread(self, module: nn.Module) -> nn.Module:
        """``module`` with gradients averaged over all processes."""
        if self.size == 1:
            return module
        return nn.parallel.DistributedDataParallel(module)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()

    def agree(self, value: bool) -> bool:
        """What the leading process says, in all of them."""
        if self.size == 1:
            return value
        flag = torch.tensor([int(value)], device=self.device)
        distributed.broadcast(flag, 0)
        return bool(flag.item())


def device_of(choice: Device, *, index: int = 0) -> torch.device:
    """Resolve a choice.

    Raises:
        UnavailableError: if CUDA is asked for and there is none.
    """
    there = torch.cuda.is_available()
    if choice == "cuda" and not there:
        raise UnavailableError("no CUDA device", field="device", remedy="use --device cpu, or auto")
    return torch.device("cuda", index) if there and choice != "cpu" else torch.device("cpu")


@contextmanager
def joined(choice: Device) -> Generator[World]:
    """The world of this process: that of ``torchrun`` where it started us, else a single one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    device = device_of(choice, index=int(os.environ.get("LOCAL_RANK", "0")))
    if size == 1:
        yield World(0, 1, device)
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(distributed.get_rank(), size, device)
    finally:
        distributed.destroy_process_group()

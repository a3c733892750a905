"""How long work reports where it is, and how it learns that it should stop."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives updates from a running stage.

    A stage calls it at least every few seconds. An implementation that wants the work to stop
    raises :class:`reel2sim.scene.errors.CancelledError` from the call; stages let it pass.
    """

    def __call__(self, stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        """Report that ``stage`` is ``fraction`` (0..1) done.

        Args:
            stage: name of the stage, such as ``"reconstruction"``.
            fraction: share of the stage's work that is finished, 0..1.
            message: short text for people, such as ``"fitting bones"``.
            **metrics: figures worth showing live, such as ``psnr=27.3``.
        """
        ...


def silent(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
    """A :class:`Progress` that says nothing."""


def subrange(progress: Progress, start: float, stop: float) -> Progress:
    """Map the fractions 0..1 of a part of a stage onto ``start``..``stop`` of the whole."""

    def mapped(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        progress(stage, start + (stop - start) * min(max(fraction, 0.0), 1.0), message, **metrics)

    return mapped

"""What training needs beyond the environments."""

from __future__ import annotations

from importlib.util import find_spec

from reel2sim.scene.errors import UsageError

_PACKAGES = ("torch", "stable_baselines3", "tensorboard")


def require_training() -> None:
    """Make sure that what training needs is installed; loads none of it.

    Raises:
        UsageError: naming what is missing.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} is not installed",
            source="training",
            remedy="pip install 'reel2sim[train]'",
        )

"""Stage results as files that load with the bits they were saved with."""

from reel2sim.scene.store.archive import stored_kind
from reel2sim.scene.store.assets import load_asset, save_asset
from reel2sim.scene.store.scenes import load_scene, save_scene
from reel2sim.scene.store.sequences import load_sequence, save_sequence

__all__ = [
    "load_asset",
    "load_scene",
    "load_sequence",
    "save_asset",
    "save_scene",
    "save_sequence",
    "stored_kind",
]

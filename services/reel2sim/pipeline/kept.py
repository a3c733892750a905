"""Whole bundles in the stage cache, so that a run that was made before costs next to nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from reel2sim.exporters.staging import staged_folder
from reel2sim.pipeline.cache import Cache, Cost
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.runner import plain
from reel2sim.pipeline.stages import code_digest
from reel2sim.scene.digest import digest_config
from reel2sim.transport.archive import pack_folder, unpack

if TYPE_CHECKING:
    from reel2sim.exporters.media import Provenance

_STAGE = "export"
_PACKAGES = ("reel2sim.exporters", "reel2sim.pipeline", "reel2sim.reconstruction", "reel2sim.scene")
_TIMES = ("seconds", "peak_memory_mb")


class _Packed:
    """Keeps a folder as one file, which is what is loaded."""

    def save(self, path: Path, value: Path) -> None:
        """Pack the folder ``value`` into ``path``."""
        pack_folder(value, path)

    def load(self, path: Path) -> Path:
        """The file itself."""
        return path


def bundle_key(
    name: str, provenance: Provenance, config: PipelineConfig, inputs: tuple[str, ...]
) -> str:
    """Digest of all that a bundle's bytes depend on, but for the times in its manifest.

    Args:
        name: of the object.
        provenance: what the manifest will tell.
        config: of the run.
        inputs: digests or keys that stand for reel, surfels and asset.
    """
    told = plain(provenance)
    for stage in told["stages"]:
        for field in _TIMES:
            del stage[field]
    code = [code_digest(package) for package in _PACKAGES]
    return digest_config(_STAGE, code, name, told, dataclasses.asdict(config), list(inputs))


def publish_kept(cache: Cache, key: str, out: Path, *, overwrite: bool) -> bool:
    """Put the bundle that was kept under ``key`` at ``out``; False if there is none.

    Raises:
        ConflictError: if ``out`` holds something that may not be replaced.
        ExhaustedError: if the disk is full.
    """
    hit = cache.get(_STAGE, key, _Packed())
    if hit is None:
        return False
    with staged_folder(out, overwrite=overwrite) as folder:
        unpack(hit.value, folder)
    return True


def keep_bundle(cache: Cache, key: str, bundle: Path) -> None:
    """Keep a bundle folder for :func:`publish_kept`."""
    cache.put(_STAGE, key, bundle, _Packed(), cost=Cost(0.0, 0.0))

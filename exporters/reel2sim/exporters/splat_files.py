"""Splats in files of their own: of the whole or of each part, at rest or at times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reel2sim.exporters.joints import start_surfels
from reel2sim.exporters.names import free_name
from reel2sim.exporters.splat import write_splats
from reel2sim.scene import Progress, RiggedAsset, Surfels, silent


@dataclass(frozen=True)
class SplatFile:
    """A PLY file to be.

    Attributes:
        name: of the file.
        time_s: what it shows; None for the zero state, where the reel first saw the root.
        part: name of the link; None for the whole.
    """

    name: str
    time_s: float | None
    part: str | None


def splat_files(
    asset: RiggedAsset, *, times_s: Sequence[float] | None = None, parts: bool = False
) -> tuple[SplatFile, ...]:
    """The files of :func:`write_splat_files`: the whole before its parts, one time after the other.

    Parts without surfels have none.
    """
    moments = [None] if times_s is None else list(times_s)
    taken: list[str] = []
    stems: dict[str | None, str] = {None: asset.name}
    for i, link in enumerate(asset.links):
        if parts and (asset.surfel_links == i).any():
            stems[link.name] = free_name(f"{asset.name}_{link.name}", [*taken, asset.name])
            taken.append(stems[link.name])
    digits = max(4, len(str(len(moments))))
    return tuple(
        SplatFile(f"{stem}.ply" if time is None else f"{stem}_{k:0{digits}d}.ply", time, part)
        for k, time in enumerate(moments, start=1)
        for part, stem in stems.items()
    )


def write_splat_files(
    asset: RiggedAsset,
    out: Path,
    *,
    times_s: Sequence[float] | None = None,
    parts: bool = False,
    progress: Progress = silent,
) -> tuple[SplatFile, ...]:
    """Write surfels as PLY files in the layout of ``splats.ply`` into the folder ``out``.

    Args:
        asset: whose surfels.
        out: an existing folder; files of the same names are replaced.
        times_s: instants to show, seconds; None for the zero state, as in ``splats.ply``.
        parts: whether each link with surfels gets a file of its own too.
        progress: told after each file.
    """
    files = splat_files(asset, times_s=times_s, parts=parts)
    for done, (file, surfels) in enumerate(_shown(asset, files), start=1):
        write_splats(surfels, out / file.name)
        progress("splats", done / len(files), file.name)
    return files


def _shown(asset: RiggedAsset, files: Sequence[SplatFile]) -> Iterator[tuple[SplatFile, Surfels]]:
    index = asset.link_index
    last: float | None = None
    whole = start_surfels(asset)
    for file in files:
        if file.time_s is not None and file.time_s != last:
            whole, last = asset.surfels_at(file.time_s), file.time_s
        if file.part is None:
            yield file, whole
        else:
            yield file, whole.select(np.asarray(asset.surfel_links) == index[file.part])

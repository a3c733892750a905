"""The last step: an asset, its pictures and its history become a bundle folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.preview import render_preview
from reel2sim.pipeline.runner import StageRun
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.digest import digest_bytes
from reel2sim.scene.errors import ConflictError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel
from reel2sim.scene.world import Scene

if TYPE_CHECKING:
    from reel2sim.exporters.media import BundleMedia, Provenance


_FRAMES, _FRAME_PX = 8, 400
"""Most and largest frames of the picture that shows parts and joints over the input."""


class Exporter(Protocol):
    """Writes the files of a bundle into an empty folder."""

    def __call__(
        self,
        asset: RiggedAsset,
        out: Path,
        *,
        media: BundleMedia | None,
        provenance: Provenance,
        progress: Progress,
    ) -> object:
        """Write; raises ExportError if the asset cannot be expressed."""
        ...


Previewer = Callable[[RiggedAsset, Reel, PipelineConfig, Progress], "BundleMedia | None"]
"""Makes the pictures of a bundle."""


def export_files(
    asset: RiggedAsset,
    out: Path,
    *,
    media: BundleMedia | None,
    provenance: Provenance,
    splats_glb: bool = False,
    progress: Progress = silent,
) -> object:
    """The project's own :class:`Exporter`, loaded when it is needed."""
    from reel2sim.exporters import export_bundle

    return export_bundle(
        asset,
        out,
        media=media,
        provenance=provenance,
        splats_glb=splats_glb,
        progress=progress,
    )


def preview_media(
    asset: RiggedAsset, reel: Reel, config: PipelineConfig, progress: Progress
) -> BundleMedia | None:
    """The project's own :data:`Previewer`."""
    from reel2sim.pipeline.overlay import draw_sheet

    media = render_preview(
        asset,
        reel,
        frames=config.preview_frames,
        size=config.preview_size,
        progress=progress,
    )
    if media is None:
        return None
    frames, width = min(_FRAMES, config.preview_frames), min(_FRAME_PX, config.preview_size)
    return replace(media, sheet=draw_sheet(asset, reel, frames=frames, width=width))


def publish(
    asset: RiggedAsset,
    out: Path,
    *,
    media: BundleMedia | None,
    provenance: Provenance,
    overwrite: bool = False,
    exporter: Exporter = export_files,
    progress: Progress = silent,
) -> None:
    """Write a bundle aside and put it at ``out`` once it is whole.

    Raises:
        ConflictError: if ``out`` holds something that may not be replaced.
        ExhaustedError: if the disk is full.
        ExportError: if the folder cannot be written, or the asset not expressed.
    """
    from reel2sim.exporters.staging import staged_folder

    check_vacant(out, overwrite=overwrite)
    with staged_folder(out, overwrite=overwrite) as folder:
        exporter(asset, folder, media=media, provenance=provenance, progress=progress)


def publish_scene(
    scene: Scene,
    out: Path,
    *,
    provenance: Provenance | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> None:
    """Write the bundle of a scene aside and put it at ``out`` once it is whole.

    A scene that is one asset and nothing else becomes that asset's bundle.

    Raises:
        ConflictError: if ``out`` holds something that may not be replaced.
        ExhaustedError: if the disk is full.
        ExportError: if the folder cannot be written, or an asset not expressed.
    """
    from reel2sim.exporters import export_bundle, export_scene
    from reel2sim.exporters.staging import staged_folder

    check_vacant(out, overwrite=overwrite)
    with staged_folder(out, overwrite=overwrite) as folder:
        if scene.is_one_asset:
            export_bundle(scene.assets[0], folder, provenance=provenance, progress=progress)
        else:
            export_scene(scene, folder, provenance=provenance, progress=progress)


def check_empty(out: Path) -> None:
    """Raise ConflictError if ``out`` holds anything at all."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConflictError("exists already", source=out, remedy="name an empty or new folder")


def check_vacant(out: Path, *, overwrite: bool) -> None:
    """Raise ConflictError if ``out`` holds something that may not be replaced.

    A folder that is no bundle is never replaced: a slip in ``--out`` must not cost a home folder.
    """
    if out.is_file():
        raise ConflictError("is a file", source=out, remedy="choose another folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / "manifest.json").is_file():
        raise ConflictError(
            "is not empty and not a bundle", source=out, remedy="choose another folder"
        )
    if not overwrite:
        raise ConflictError(
            "exists already", source=out, remedy="choose another folder, or pass --overwrite"
        )


def provenance_of(
    reel: Reel, stages: Sequence[StageRun], config: PipelineConfig, *, source: Path | None
) -> Provenance:
    """Where a bundle came from, in the exporters' terms.

    Of the source only its own name is kept: where it lay is nobody's business, and the same
    input must give the same bundle from any folder.
    """
    from reel2sim.exporters.media import Provenance, StageRecord

    records = tuple(
        StageRecord(
            name=stage.name,
            version=str(stage.version),
            config=dict(stage.config),
            seconds=stage.seconds,
            peak_memory_mb=stage.peak_memory_mb,
            metrics=dict(stage.metrics),
        )
        for stage in stages
    )
    return Provenance(
        source="" if source is None else source.resolve().name,
        input_digest=reel.digest or digest_bytes(reel.prompt.encode()),
        prompt=reel.prompt,
        seed=config.seed,
        preset=config.preset,
        stages=records,
    )

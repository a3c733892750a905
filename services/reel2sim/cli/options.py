"""Options that several commands share."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import tyro

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.pipeline import Cache, PipelineConfig

Preset = Literal["draft", "standard", "high"]
Device = Literal["auto", "cpu", "cuda"]


def shown(metavar: str) -> Any:
    """Have help call a field ``metavar`` and not mention its default."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


def verb(name: str, kind: type) -> Any:
    """How a command's help shows one of its verbs, with its examples."""
    return tyro.conf.subcommand(name, description=inspect.getdoc(kind))


Flag = Annotated[bool, tyro.conf.arg(help_behavior_hint="")]
"""A switch, whose default needs no mention."""

Text = Annotated[str, shown("TEXT")]
"""A text that may be left out."""


@dataclass(frozen=True, kw_only=True)
class Common:
    """Understood by every command."""

    json: Flag = False
    """Print the result, or the error, as one JSON object on stdout."""
    quiet: Flag = False
    """Show no progress."""
    debug: Flag = False
    """Show the traceback of an error."""


class Command(Protocol):
    """What the entry point needs of a command."""

    @property
    def common(self) -> Common:
        """Options of every command."""
        ...

    def __call__(self, console: Console) -> int:
        """Do it; returns the exit code."""
        ...


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much work to spend, and with which random draws."""

    preset: Preset = "standard"
    """draft for a first look, standard for results, high for the best."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of every random draw; the same input, options and seed give the same result."""
    device: Device = "auto"
    """Where to fit; auto takes CUDA if it and gsplat are there, else the CPU."""
    max_size: Annotated[int | None, shown("PIXELS")] = None
    """Reduce frames whose longer side is larger than this."""

    def pipeline_config(self, **more: Any) -> PipelineConfig:
        """These options as the pipeline's configuration, with ``more`` of its fields."""
        from reel2sim.pipeline import PipelineConfig

        return PipelineConfig(
            preset=self.preset,
            seed=self.seed,
            device=self.device,
            max_size=self.max_size,
            **more,
        )


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Where the files are that descriptions of other tools name."""

    roots: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR ...")] = ()
    """Folders that descriptions (.urdf, .xml, .gltf, .usd) may read from, besides their own."""
    packages: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=DIR ...")] = ()
    """Folders of ROS packages that a URDF names as package://NAME."""

    def named_packages(self) -> dict[str, Path]:
        """Folder of each package.

        Raises:
            UsageError: if one is not ``name=folder``.
        """
        from reel2sim.scene.errors import UsageError

        unnamed = [text for text in self.packages if "=" not in text]
        if unnamed:
            raise UsageError(f"{unnamed[0]!r} is not name=folder", field="--packages")
        pairs = (text.split("=", 1) for text in self.packages)
        return {name: Path(folder) for name, folder in pairs}


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where stage results are kept, from which a stopped run goes on."""

    cache_dir: Annotated[Path | None, shown("DIR")] = None
    """Folder to use; default: $REEL2SIM_CACHE, else ~/.cache/reel2sim."""
    no_cache: Flag = False
    """Neither keep nor use stage results."""

    def cache(self) -> Cache | None:
        """The cache to use, or None."""
        from reel2sim.pipeline import Cache, default_cache_folder

        if self.no_cache:
            return None
        return Cache(self.cache_dir or default_cache_folder())


def secret_token(file: Path | None) -> str | None:
    """The token in ``file``, else that of $REEL2SIM_TOKEN, else None.

    Raises:
        UsageError: if the file cannot be read.
    """
    import os

    from reel2sim.scene.errors import UsageError

    if file is None:
        return os.environ.get("REEL2SIM_TOKEN") or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as cause:
        raise UsageError(f"cannot be read: {cause.strerror}", source=file) from cause

"""``reel2sim render``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from reel2sim.cli.options import Common, Flag, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.pipeline.filming import Film, Shot
    from reel2sim.pipeline.orbit import OrbitPath
    from reel2sim.pipeline.subject import Subject
    from reel2sim.pipeline.views import View


@dataclass(frozen=True, kw_only=True)
class Circle:
    """Only with --orbit."""

    turns: Annotated[float, tyro.conf.arg(metavar="N")] = 1.0
    """Turns around the object; negative ones run clockwise seen from above."""
    elevation: Annotated[float, tyro.conf.arg(metavar="DEG")] = 20.0
    """Height of the camera above the horizon, degrees."""
    azimuth: Annotated[float, tyro.conf.arg(metavar="DEG")] = 0.0
    """Where the circle starts, degrees from world +X towards +Y."""
    distance: Annotated[float | None, shown("METRES")] = None
    """From the object's centre; if not given, as near as its whole motion stays in view."""
    fov: Annotated[float, tyro.conf.arg(metavar="DEG")] = 35.0
    """Vertical field of view, degrees."""
    seconds: Annotated[float, tyro.conf.arg(metavar="S")] = 6.0
    """Length of the film; the motion runs once, evenly, from its start to its end."""

    def path(self, fps: float) -> OrbitPath:
        """The circle these options describe."""
        from reel2sim.pipeline.orbit import OrbitPath

        return OrbitPath(
            turns=self.turns,
            elevation_deg=self.elevation,
            azimuth_deg=self.azimuth,
            distance_m=self.distance,
            fov_deg=self.fov,
            seconds=self.seconds,
            fps=fps,
        )


@dataclass(frozen=True, kw_only=True)
class Render:
    """Film a result again: from any camera, at any time, as colour, depth, normals or parts.

    Either --orbit, a film around the object, or --cameras, a file laid out as a capture's
    transforms.json, whose images need not exist. Each frame entry of it gives one PNG, named as
    its file_path, of the object at its time in seconds since the first frame of the reel; times
    outside of the motion show its nearest end, and a note says so.

    Layers lie beside each other: for a picture a/0.png also a/0.depth.png (16-bit, millimetres,
    0 where nothing is) and a/0.depth.npy (metres, float), a/0.normal.png (world axes,
    n = 2 rgb / 255 - 1), a/0.parts.png (flat colours), a/0.index.png (part ids, 0 is none) and
    a/0.alpha.png. DIR/render.json has scales and the legend of the parts, DIR/transforms.json the
    cameras: the folder is a capture again.

    Examples:
      reel2sim render bundle --orbit --out film
      reel2sim render bundle --orbit --turns 2 --elevation 35 --layers rgb parts depth --out film
      reel2sim render bundle --orbit --freeze 1.2 --pictures --size 800 --out around_one_instant
      reel2sim render bundle --cameras held_out/transforms.json --out pictures
      reel2sim render surfels.npz --cameras cameras.json --layers rgb depth normal --out pictures
      reel2sim render asset.npz --cameras path.json --video --fps 30 --size 640 360 --out film
    """

    source: Annotated[tyro.conf.Positional[Path], shown("SOURCE")]
    """Bundle folder, or the file that `reel2sim reconstruct` or `reel2sim rig` wrote."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder to make; it appears when all is written."""
    cameras: Annotated[Path | None, shown("FILE")] = None
    """Cameras and times (transforms.json, or a folder that holds one)."""
    orbit: Flag = False
    """Circle the object; writes DIR/orbit.mp4, and orbit.LAYER.mp4 for other layers than rgb."""
    layers: Annotated[
        tuple[Literal["rgb", "depth", "normal", "parts", "alpha"], ...],
        tyro.conf.arg(metavar="LAYER..."),
    ] = ("rgb",)
    """Any of rgb depth normal parts alpha. Parts are links; of surfels alone, leading bones."""
    background: Literal["transparent", "white", "black"] = "transparent"
    """What is behind the object; MP4 shows white for transparent, and depth on black."""
    size: Annotated[tuple[int, ...], shown("PIXELS")] = ()
    """Width and height, or one number: the longer side with --cameras, both sides (512 if not
    given) with --orbit."""
    fps: Annotated[float, tyro.conf.arg(metavar="N")] = 24.0
    """Frames per second of videos; an orbit has this times --seconds frames."""
    freeze: Annotated[float | None, shown("T")] = None
    """Show the object as it was at this time, in seconds, in every picture."""
    video: Flag = False
    """With --cameras: also write the pictures as DIR/film.mp4, in the order of the file."""
    pictures: Flag = False
    """With --orbit: also write every frame's pictures."""
    overwrite: Flag = False
    """Replace what an earlier render wrote to --out."""
    circle: Circle = field(default_factory=Circle)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Render every view."""
        from reel2sim.pipeline.filming import check_replaceable, shoot
        from reel2sim.pipeline.subject import load_subject

        film = self._film()
        size = self._size()
        subject = load_subject(self.source)
        self._check_freeze(subject)
        check_replaceable(self.out, overwrite=self.overwrite)
        with console.progress() as progress:
            shot = shoot(
                subject,
                self._views(subject, size),
                self.out,
                film,
                source=self.source.resolve().name,
                overwrite=self.overwrite,
                progress=progress,
            )
        self._tell(console, subject, shot)
        return 0

    def _film(self) -> Film:
        """What to make; raises UsageError where options contradict each other."""
        from reel2sim.pipeline.filming import Film
        from reel2sim.scene.errors import UsageError

        if self.orbit == (self.cameras is not None):
            raise UsageError(
                "give either --cameras or --orbit",
                field="cameras",
                remedy="pass --orbit if you have no camera file",
            )
        if self.cameras is not None and self.circle != Circle():
            changed = [name for name, value in vars(self.circle).items() if _differs(name, value)]
            raise UsageError("only means something with --orbit", field=changed[0])
        film = Film(
            layers=tuple(dict.fromkeys(self.layers)), background=self.background, fps=self.fps
        )
        if not self.orbit:
            return replace(film, video=self.video)
        return replace(film, video=True, keep_pictures=self.pictures, video_name="orbit")

    def _size(self) -> tuple[int, ...]:
        from reel2sim.pipeline.views import MOST_PIXELS
        from reel2sim.scene.errors import UsageError

        if len(self.size) > 2 or any(not 1 <= side <= MOST_PIXELS for side in self.size):
            raise UsageError(
                "is no size",
                field="size",
                remedy=f"give one or two numbers of pixels from 1 to {MOST_PIXELS}",
            )
        return self.size

    def _check_freeze(self, subject: Subject) -> None:
        from reel2sim.scene.errors import UsageError

        # A time in a file may overrun the motion by a frame; one typed by hand is a slip.
        if self.freeze is not None and not subject.covers(self.freeze):
            raise UsageError(
                f"{self.freeze:g} s lies outside of the motion",
                field="freeze",
                remedy=f"give seconds from {subject.start_s:g} to {subject.stop_s:g}",
            )

    def _views(self, subject: Subject, size: tuple[int, ...]) -> tuple[View, ...]:
        from reel2sim.pipeline.orbit import orbit_views
        from reel2sim.pipeline.views import read_views, resized

        if self.cameras is None:
            width, height = (size[0], size[-1]) if size else (512, 512)
            path = self.circle.path(self.fps)
            return orbit_views(subject, path, width=width, height=height, freeze_s=self.freeze)
        exact = (size[0], size[-1]) if size else None
        views = read_views(self.cameras, freeze_s=self.freeze, size=exact)
        return tuple(resized(view, size) for view in views)

    def _tell(self, console: Console, subject: Subject, shot: Shot) -> None:
        notes: list[str] = []
        if shot.held:
            notes.append(
                f"{len(shot.held)} time(s), first that of {shot.held[0]}, lie outside of the "
                f"motion ({subject.start_s:g} to {subject.stop_s:g} s) and show its nearest end"
            )
        if shot.too_far:
            notes.append(
                f"{len(shot.too_far)} picture(s), first {shot.too_far[0]}, have depths beyond what "
                "16 bits of millimetres hold; their .npy files have them"
            )
        record = {
            "out": str(self.out),
            "files": [str(file) for file in shot.pictures],
            "videos": [str(file) for file in shot.videos],
            "held": shot.held,
            "notes": notes,
        }
        films = "  ".join(str(file) for file in shot.videos)
        count = f"{len(shot.pictures)} picture(s) in {self.out}" if shot.pictures else ""
        lines = [line for line in (films, count) if line]
        console.result(record, *lines, *(f"note: {note}" for note in notes))


def _differs(name: str, value: object) -> bool:
    return value != getattr(Circle(), name)

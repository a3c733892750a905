"""``reel2sim edit``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from reel2sim.cli.options import Common, Flag, Naming, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.editing import Edit as SceneEdit
    from reel2sim.editing import Sources
    from reel2sim.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Change a bundle, or put several together, and write the result as a new bundle.

    A part is asset/link (cabinet/door), a joint asset/joint; the asset's name may be left out
    where it is clear. Edits are made in this order: --edits, --remove, --replace, --scale,
    --recolor, --material, --density, --joint, --add, --move, --background, --ground, --gravity,
    --light, --camera. What depends on a change follows it: inertia, collision pieces, limits,
    surfels. The manifest of the result records them, so that --edits makes them again.

    A value that begins with a minus is written with an equals sign: --at=-1,0,0.

    Examples:
      reel2sim edit cabinet --recolor door=tomato --material door=steel --out red_cabinet
      reel2sim edit cabinet --joint hinge.limits=0,1.2 --scale drawer=1.1 --out other_cabinet
      reel2sim edit cabinet --add laptop faucet --at 0,0,0.9 1.2,0,0,90 --ground auto --out room
      reel2sim edit room --remove faucet --light sun=sun@1,-1,3 --out darker_room
      reel2sim edit cabinet --edits room/manifest.json --sources laptop faucet --out room_again
    """

    scene: Annotated[tyro.conf.Positional[Path], shown("BUNDLE")]
    """Bundle folder of an asset or a scene, an .npz of either, or a robot description."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Bundle folder to make."""
    add: Annotated[tuple[Path, ...], shown("BUNDLE ...")] = ()
    """Bundles, or robot descriptions, to put in as well."""
    at: Annotated[tuple[str, ...], shown("X,Y,Z[,DEG] ...")] = ()
    """Where the middle of each one's foot comes to stand, in the order of --add, and its turn; if
    not given, each stands beside what is there, in nothing."""
    remove: Annotated[tuple[str, ...], shown("PART ...")] = ()
    """Assets to take away, or links with all that they carry."""
    replace: Annotated[tuple[str, ...], shown("PART=MESH ...")] = ()
    """Other shapes, from mesh files; moved and scaled to where the old ones were."""
    as_is: Flag = False
    """Take meshes of --replace as they are: in the link's frame, in metres."""
    scale: Annotated[tuple[str, ...], shown("PART=FACTOR ...")] = ()
    """Assets scaled about their feet, links about their joints."""
    recolor: Annotated[tuple[str, ...], shown("PART=COLOR ...")] = ()
    """Other mean colours: #rrggbb, or a name as in CSS. Patterns stay."""
    material: Annotated[tuple[str, ...], shown("PART=MATERIAL ...")] = ()
    """Other materials, such as wood: density, friction and restitution."""
    density: Annotated[tuple[str, ...], shown("PART=KG_PER_M3 ...")] = ()
    """Other densities."""
    joint: Annotated[tuple[str, ...], shown("JOINT.FIELD=VALUE ...")] = ()
    """Fields of joints: limits=LOW,HIGH, effort, velocity, damping, friction, axis=X,Y,Z,
    pivot=X,Y,Z, type. Radians, metres, N·m or N."""
    move: Annotated[tuple[str, ...], shown("ASSET=X,Y,Z[,DEG] ...")] = ()
    """Assets to other places."""
    background: Annotated[str, shown("SPLATS.ply|none")] = ""
    """Splats around everything, in the scene's frame."""
    ground: Annotated[str, shown("Z|auto|none")] = ""
    """Height of an endless ground; auto is where the lowest asset ends."""
    gravity: Annotated[str, shown("X,Y,Z")] = ""
    """Gravity, m/s²."""
    light: Annotated[tuple[str, ...], shown("NAME=KIND@X,Y,Z[,STRENGTH] ...")] = ()
    """Lights: KIND is sun (lux) or point (candela); a sun shines from there to the origin."""
    camera: Annotated[tuple[str, ...], shown("NAME=X,Y,Z:TX,TY,TZ[:FOV] ...")] = ()
    """Cameras: where each stands, what it looks at, vertical field of view in degrees."""
    edits: Annotated[Path | None, shown("FILE")] = None
    """Edits to make first: a JSON list of records, or the manifest of an edited bundle."""
    sources: Annotated[tuple[Path, ...], shown("PATH ...")] = ()
    """Bundles and files that --edits brings in."""
    overwrite: Flag = False
    """Replace the bundle at --out."""
    naming: Naming = field(default_factory=Naming)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Edit and write."""
        from reel2sim.editing import edited, open_scene
        from reel2sim.editing.history import provenance_after
        from reel2sim.pipeline.publish import check_vacant, publish_scene

        check_vacant(self.out, overwrite=self.overwrite)
        base = open_scene(self.scene, **self._named(self.scene))
        sources, edits = self._edits(base)
        with console.progress() as progress:
            scene = edited(base, edits, sources=sources, progress=progress)
            publish_scene(
                scene,
                self.out,
                provenance=provenance_after(self.scene, base, edits),
                overwrite=self.overwrite,
                progress=progress,
            )
        record = {
            "bundle": str(self.out),
            "assets": list(scene.names),
            "edits": [edit.record() for edit in edits],
        }
        notes = _new_notes(base, scene)
        console.result({**record, "notes": notes}, *map("note: {}".format, notes), str(self.out))
        return 0

    def _edits(self, base: Scene) -> tuple[Sources, list[SceneEdit]]:
        """All edits in the order of the help, and what they bring in."""
        from reel2sim.editing import Remove, Sources, words
        from reel2sim.editing.history import read_edits
        from reel2sim.scene.errors import UsageError

        sources = Sources()
        for path in self.sources:
            sources.add(path, **self._named(path))
        found = [] if self.edits is None else read_edits(self.edits, base=base)
        found += [Remove(target=name) for name in self.remove]
        found += [self._replacement(text, sources) for text in self.replace]
        readers: dict[str, Any] = {
            "scale": words.scale,
            "recolor": words.recolor,
            "material": words.material,
            "density": words.density,
            "joint": words.joint,
        }
        for name, reader in readers.items():
            found += [reader(text) for text in getattr(self, name)]
        found += self._additions(sources)
        found += [words.move(text) for text in self.move]
        found += self._surroundings(sources)
        if not found:
            raise UsageError("there is nothing to change", remedy="see `reel2sim edit --help`")
        return sources, found

    def _named(self, path: Path) -> dict[str, Any]:
        """Roots and packages, for what names other files."""
        from reel2sim.pipeline.opening import DESCRIPTIONS

        kind = path.suffix.lower()
        foreign = path.is_file() and kind in DESCRIPTIONS
        packages = self.naming.named_packages() if kind == ".urdf" else {}
        return {"roots": self.naming.roots if foreign else (), "packages": packages}

    def _replacement(self, text: str, sources: Sources) -> SceneEdit:
        from reel2sim.editing import Replace, words

        name, value = words.parted(text, "--replace", "part=mesh")
        digest = sources.add_file(Path(value))
        return Replace(target=name, source=digest, name=Path(value).name, fit=not self.as_is)

    def _additions(self, sources: Sources) -> list[SceneEdit]:
        from reel2sim.editing import Add, words
        from reel2sim.scene.errors import UsageError

        if self.at and len(self.at) != len(self.add):
            raise UsageError(
                f"{len(self.at)} places for {len(self.add)} assets",
                field="--at",
                remedy="give one to each of --add, or none at all",
            )
        found: list[SceneEdit] = []
        for i, path in enumerate(self.add):
            digest = sources.add_scene(path, **self._named(path))
            at, turn = words.place(self.at[i], "--at") if self.at else (None, 0.0)
            found.append(Add(source=digest, name=path.resolve().name, at=at, turn_deg=turn))
        return found

    def _surroundings(self, sources: Sources) -> list[SceneEdit]:
        from reel2sim.editing import SetBackground, words

        found: list[SceneEdit] = []
        if self.background == "none":
            found.append(SetBackground())
        elif self.background:
            path = Path(self.background)
            found.append(SetBackground(source=sources.add_file(path), name=path.name))
        found += [words.ground(self.ground)] if self.ground else []
        found += [words.gravity(self.gravity)] if self.gravity else []
        found += [words.light(text) for text in self.light]
        return found + [words.camera(text) for text in self.camera]


def _new_notes(before: Scene, after: Scene) -> list[str]:
    """What the edits had to say."""
    known = {note for placement in before.placements for note in placement.asset.notes}
    return [
        f"{placement.asset.name}: {note}"
        for placement in after.placements
        for note in placement.asset.notes
        if note not in known
    ]

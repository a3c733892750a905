"""A USD file by itself: Pixar's rules, and what physics engines and renderers stumble over."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from pathlib import Path

from pxr import Ar, Sdf, Usd, UsdUtils

from reel2sim.exporters.check.files_named import Named
from reel2sim.exporters.check.looks.skins import check_skins
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.stage.bodies import check_bodies, check_joints
from reel2sim.exporters.check.stage.looks import check_meshes_of_stage
from reel2sim.exporters.check.stage.package import check_archive
from reel2sim.exporters.check.stage.reading import bodies_of
from reel2sim.exporters.check.stage.skin import read_skin
from reel2sim.exporters.check.stage.splats import check_stage_splats
from reel2sim.exporters.check.stage.stage import check_units, open_stage, validate


def check_usd(notes: Notes, path: Path, named: Named) -> None:
    """Note what is wrong with the stage at ``path``."""
    where = path.name
    if path.suffix.lower() == ".usdz":
        with notes.guard("USD010", where):
            check_archive(notes, where)
        if any(finding.id == "USD010" for finding in notes.findings):
            return
    stage = None
    with notes.guard("USD001", where):
        if not _within(notes, where, path, named):
            return
        stage = open_stage(path)
    if stage is None:
        return
    with notes.guard("USD009", where):
        _, _, unresolved = UsdUtils.ComputeAllDependencies(str(path))
        for name in unresolved:
            notes.add("USD009", where, f"{name} cannot be found")
    check_units(notes, where, stage)
    _check_times(notes, where, stage)
    if not stage.GetDefaultPrim():
        told = stage.GetRootLayer().defaultPrim
        text = f"the default prim {told!r} is not there" if told else "has no default prim"
        notes.add("USD004", where, text)
    validate(notes, where, stage)
    notes.counts["bodies"] = len(bodies_of(stage))
    with notes.guard("USD018", where):
        check_bodies(notes, where, stage, None)
        check_joints(notes, where, stage)
    with notes.guard("MESH015", where):
        check_meshes_of_stage(notes, where, stage)
    with notes.guard("USD008", where):
        check_stage_splats(notes, where, stage, None)
    with notes.guard("USD001", where):
        skin = read_skin(stage, where)
        check_skins(notes, None, None, {"SKIN005": skin})


def _check_times(notes: Notes, where: str, stage: Usd.Stage) -> None:
    rate = stage.GetTimeCodesPerSecond()
    if not rate > 0:
        notes.add("USD017", where, f"has {rate:g} time codes per second")
    first, last = stage.GetStartTimeCode(), stage.GetEndTimeCode()
    if first > last:
        notes.add("USD017", where, f"begins at {first:g} and ends at {last:g}")


def _within(notes: Notes, where: str, path: Path, named: Named) -> bool:
    """Whether all layers that opening the stage would read may be read, after noting which not."""
    waiting, seen, fine = [str(path)], set[str](), True
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        layer = Sdf.Layer.FindOrOpen(name)
        if not layer:
            continue  # what is missing is a finding of its own
        for reference in layer.GetCompositionAssetDependencies():
            if not reference:
                continue
            target = layer.ComputeAbsolutePath(reference)
            file = Path(Ar.SplitPackageRelativePathOuter(target)[0])
            if file.exists() and not named.holds(file):
                text = f"{reference} is outside of the folders that may be read: give --roots"
                notes.add("MESH002", where, text)
                fine = False
            else:
                waiting.append(target)
    return fine

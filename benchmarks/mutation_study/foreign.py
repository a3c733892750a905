"""Files of other tools: what the checker says of them, and what loaders of reference say."""

# usd-core and MuJoCo fill their modules at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reel2sim.exporters.check import CheckReport, check_file
from reel2sim.exporters.check.quiet import quiet

_FOLDERS = ("assets_urdf", "conformance_usd", "conformance_gltf", "rigged_pair")
_SUFFIXES = (".urdf", ".xml", ".usd", ".usda", ".usdc", ".usdz", ".glb", ".gltf", ".ply")


@dataclass(frozen=True)
class Foreign:
    """A file of another tool.

    Attributes:
        path: below the data.
        set: folder of the data it belongs to.
        report: what the checker found.
        complaint: what the format's own loader says; empty if it says nothing.
    """

    path: Path
    set: str
    report: CheckReport
    complaint: str

    @property
    def errors(self) -> list[str]:
        """Errors as text."""
        found = (f for f in self.report.findings if f.severity == "error")
        return [f"{f.id} {f.where}: {f.message}" for f in found]

    @property
    def warnings(self) -> list[str]:
        """Warnings as text."""
        found = (f for f in self.report.findings if f.severity == "warning")
        return [f"{f.id} {f.where}: {f.message}" for f in found]

    @property
    def false_alarm(self) -> bool:
        """Whether there is an error in what the loader takes without a word."""
        return bool(self.errors) and not self.complaint


def foreign_files(data: Path) -> Iterator[Foreign]:
    """Look at every such file of ``data``."""
    for folder in _FOLDERS:
        for path in sorted((data / folder).rglob("*")):
            if path.suffix.lower() in _SUFFIXES:
                parts = path.relative_to(data).parts
                report = check_file(path, roots=[data.joinpath(*parts[:2])])
                name = "/".join(parts[: 3 if folder.startswith("assets") else 2])
                yield Foreign(path.relative_to(data), name, report, _complaint(path))


def _complaint(path: Path) -> str:
    """What the loader of reference for the format says against the file."""
    try:
        with quiet():
            return _LOADERS[path.suffix.lower()](path)
    except Exception as cause:
        return f"{type(cause).__name__}: {cause}"


def _usd(path: Path) -> str:
    from pxr import Usd, UsdUtils

    stage = Usd.Stage.Open(str(path))
    found = [str(error) for error in stage.GetCompositionErrors()]
    _, _, unresolved = UsdUtils.ComputeAllDependencies(str(path))
    return "; ".join([*found, *(f"unresolved {name}" for name in unresolved)])


def _urdf(path: Path) -> str:
    """Without meshes: where those are is not the question."""
    import yourdfpy

    model = yourdfpy.URDF.load(str(path), load_meshes=False, build_scene_graph=False)
    return "" if model.validate() else "; ".join(str(error) for error in model.errors)


def _mjcf(path: Path) -> str:
    import mujoco

    mujoco.MjModel.from_xml_path(str(path))
    return ""


def _mesh(path: Path) -> str:
    import trimesh

    trimesh.load(path)
    return ""


_LOADERS: dict[str, Callable[[Path], str]] = {
    **dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), _usd),
    **dict.fromkeys((".glb", ".gltf", ".ply"), _mesh),
    ".urdf": _urdf,
    ".xml": _mjcf,
}

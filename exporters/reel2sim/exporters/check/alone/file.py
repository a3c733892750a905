"""One file by itself, of whatever tool: what is wrong in it, as its format has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from reel2sim.exporters.check.files_named import Named
from reel2sim.exporters.check.quiet import quiet
from reel2sim.exporters.check.report import CheckReport, Notes
from reel2sim.scene.errors import InputError


def check_file(path: Path, *, roots: Sequence[Path] = ()) -> CheckReport:
    """Check one URDF, MJCF, USD, glTF or PLY file.

    Nothing is compared with other formats, and what only a bundle promises is left out or is
    ``info``. The file is not written to.

    Args:
        path: the file; its suffix says what it is.
        roots: folders besides the file's own that meshes and layers may be in. What is elsewhere
            is not read.

    Raises:
        InputError: if there is no such file, or its suffix is none of those.
    """
    path = Path(path)
    read = READERS.get(path.suffix.lower())
    if not path.is_file():
        raise InputError("does not exist", source=path, remedy="give a file or a bundle's folder")
    if read is None:
        known = ", ".join(READERS)
        raise InputError("is of no format that can be checked", source=path, remedy=f"give {known}")
    notes = Notes(path.parent, alone=True)
    with quiet(), notes.guard("FILE004", path.name):
        read(notes, path, Named(notes, path, tuple(roots)))
    found = notes.report()
    return CheckReport(path, found.findings, found.agreement, found.counts)


def _urdf(notes: Notes, path: Path, named: Named) -> None:
    from reel2sim.exporters.check.alone.urdf import check_description

    check_description(notes, path, named)


def _mjcf(notes: Notes, path: Path, named: Named) -> None:
    from reel2sim.exporters.check.alone.mjcf import check_mjcf

    check_mjcf(notes, path, named)


def _usd(notes: Notes, path: Path, named: Named) -> None:
    from reel2sim.exporters.check.alone.usd import check_usd

    check_usd(notes, path, named)


def _gltf(notes: Notes, path: Path, named: Named) -> None:
    from reel2sim.exporters.check.gltf.glb import load_meshes
    from reel2sim.exporters.check.gltf.reading import read_document
    from reel2sim.exporters.check.gltf.rules import check_rules

    document = None
    with notes.guard("GLB001", path.name):
        document = read_document(path, partial(named.resource, "GLB003", path.name))
    if document is None:
        return
    with notes.guard("GLB003", path.name):
        check_rules(notes, path.name, document)
        for image in document.json.get("images", []):
            uri = image.get("uri", "data:")
            if not uri.startswith("data:"):
                named.resource("GLB003", path.name, unquote(uri))
    if named.all_found and not any(f.severity == "error" for f in notes.findings):
        with notes.guard("GLB001", path.name):
            load_meshes(path)


def _ply(notes: Notes, path: Path, named: Named) -> None:
    from reel2sim.exporters.check.looks.splats import check_splats

    with path.open("rb") as stream:
        head = stream.read(65_536).partition(b"end_header")[0]
    if b"f_dc_0" in head:
        check_splats(notes, None, path.name)
        return
    with notes.guard("MESH004", path.name):
        import trimesh

        shape = trimesh.load(path, process=False)
        vertices = np.asarray(getattr(shape, "vertices", np.zeros((0, 3))))
        if not len(vertices):
            raise ValueError("holds no vertices")
        if not np.isfinite(vertices).all():
            raise ValueError("holds vertices that are not finite")
        faces = np.asarray(getattr(shape, "faces", np.zeros((0, 3), int)))
        if (faces >= len(vertices)).any() or (faces < 0).any():
            notes.add("MESH015", path.name, "faces name vertices that are not there")


READERS: dict[str, Callable[[Notes, Path, Named], None]] = {
    ".urdf": _urdf,
    ".xml": _mjcf,
    ".mjcf": _mjcf,
    ".usd": _usd,
    ".usda": _usd,
    ".usdc": _usd,
    ".usdz": _usd,
    ".glb": _gltf,
    ".gltf": _gltf,
    ".ply": _ply,
}
"""How to look at a file, by its suffix."""

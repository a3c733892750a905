"""Material libraries of OBJ files."""

from __future__ import annotations

from pathlib import Path

from reel2sim.exporters.check.report import Notes


def check_library(notes: Notes, where: str, path: Path) -> None:
    """Note a library or a picture that is not beside the mesh, and materials that none defines."""
    told = _statements(path)
    libraries = [path.parent / name for key, name in told if key == "mtllib"]
    # What lies elsewhere is not read, and so nothing is known of it.
    if any(not x.resolve().is_relative_to(path.parent.resolve()) for x in libraries):
        return
    defined: set[str] = set()
    for library in libraries:
        if not library.is_file():
            notes.add("LOOK004", where, f"names {library.name!r}, which is not there")
            continue
        for key, value in _statements(library):
            if key == "newmtl":
                defined.add(value)
            # Options come before the file's name.
            elif key.startswith("map_") and value:
                picture = library.parent / value.split()[-1]
                if not (picture.is_file() or (library.parent / value).is_file()):
                    notes.add("LOOK004", f"{where}: {library.name}", f"{value!r} is not there")
    for name in sorted({name for key, name in told if key == "usemtl"} - defined):
        if libraries:
            notes.add("LOOK004", where, f"uses the material {name!r}, which is not defined")


def _statements(path: Path) -> list[tuple[str, str]]:
    """Keyword and rest of lines that are about materials."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = (line.strip().partition(" ") for line in lines if line[:1] in "munMK \t")
    return [(key, rest.strip()) for key, _, rest in rows]

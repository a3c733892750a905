"""Bundles of clients: what they name must lie in them, because engines open whatever is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

from reel2sim.scene.errors import BundleError

_SCHEMES = ("package://", "file://")
# As engines read them: lines end at either sign, and may begin with blanks.
_LIBRARIES = re.compile(rb"(?:^|[\r\n])[ \t]*mtllib[ \t]+([^\r\n]*)")
_TEXTURES = re.compile(
    rb"(?:^|[\r\n])[ \t]*(?:map_\w+|bump|disp|decal|refl|norm)[ \t]+([^\r\n]*)", re.IGNORECASE
)


def check_bundle_files(folder: Path) -> None:
    """Refuse robot descriptions, meshes and materials that name files beyond ``folder``.

    Engines also look for a file beside and above where it is said to be, so it must be there.

    Raises:
        BundleError: naming file and element.
    """
    root = folder.resolve()
    for urdf in _of_kind(folder, ".urdf"):
        for element in _elements(urdf):
            if name := element.get("filename"):
                _named(name, urdf, element.tag, root)
    for mesh in _of_kind(folder, ".obj"):
        for library in set(_references(_LIBRARIES, mesh, "mtllib", root)):
            list(_references(_TEXTURES, library, "texture", root))


def _of_kind(folder: Path, suffix: str) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() == suffix and path.is_file())


def _elements(urdf: Path) -> Iterator[ElementTree.Element]:
    """All elements of a description, which our parser and the engines' read in the same way.

    Raises:
        BundleError: if they may not: what only one of them understands would not be looked at.
    """
    try:
        text = urdf.read_bytes()
        if b"\0" in text or b"<!" in text.replace(b"<!--", b""):
            raise ValueError("it has a document type, or is not UTF-8")
        yield from ElementTree.fromstring(text).iter()
    except (ElementTree.ParseError, ValueError, LookupError) as cause:
        raise BundleError(f"is no plain XML: {cause}", source=urdf.name) from cause


def _references(pattern: re.Pattern[bytes], file: Path, field: str, root: Path) -> Iterator[Path]:
    """The files that lines of ``file`` name."""
    for match in pattern.finditer(file.read_bytes()):
        line = match[1].decode("utf-8", "replace").strip()
        # Readers differ in whether a name may hold blanks, and in what may stand before it.
        names = [line, *line.split()] if line else []
        found = [path for name in names if (path := _within(name, file, field, root)).is_file()]
        if not found:
            _refuse("refers to a file that the bundle does not hold", file, field)
        yield from found


def _named(name: str, file: Path, field: str, root: Path) -> None:
    """Refuse ``name`` in ``file`` if it is no file of the bundle."""
    for scheme in _SCHEMES:
        name = name.removeprefix(scheme)
    if not _within(name, file, field, root).is_file():
        _refuse("refers to a file that the bundle does not hold", file, field)


def _within(name: str, file: Path, field: str, root: Path) -> Path:
    path = (file.parent / name.replace("\\", "/")).resolve()
    if not path.is_relative_to(root):
        _refuse("refers to a file outside of the bundle", file, field)
    return path


def _refuse(what: str, file: Path, field: str) -> NoReturn:
    raise BundleError(what, source=file.name, field=field)

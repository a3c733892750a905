"""Files that a description may name: those below folders the user gave, and no others."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image
from trimesh.resolvers import Resolver

from reel2sim.scene.errors import InputError

_PACKAGE = "package://"
_FILE = "file://"
_MOST_BYTES = 256 * 2**20
_MOST_PIXELS = 100_000_000


@dataclass(frozen=True)
class Roots:
    """Where the files of a description may be.

    Attributes:
        folders: everything that is read lies below one of these, links followed.
        packages: the folder of each ROS package by name, for ``package://name/path``; a package
            that is not named is looked for in ``folders`` and in their parents' place: a folder of
            its name.
    """

    folders: tuple[Path, ...]
    packages: Mapping[str, Path] = field(default_factory=dict[str, Path])

    @classmethod
    def around(cls, file: Path, *extra: Path, packages: Mapping[str, Path] | None = None) -> Roots:
        """The folder of ``file``, the folders ``extra``, and those of ``packages``."""
        named = dict(packages or {})
        return cls((file.parent, *extra, *named.values()), named)

    def find(self, reference: str, *, base: Path) -> Path:
        """The file that ``reference`` means in a description in folder ``base``.

        Raises:
            InputError: if there is none, it is outside of the roots, or it is too large.
        """
        candidates = [
            found for path in self._candidates(reference, base) if (found := _resolved(path))
        ]
        allowed = [path for path in candidates if self.holds(path)]
        for path in allowed:
            if _is_file(path):
                if path.stat().st_size > _MOST_BYTES:
                    raise InputError(f"is over {_MOST_BYTES // 2**20} MiB", source=path)
                return path
        if len(allowed) < len(candidates):
            raise InputError(
                "is outside of the folders that may be read, or not there",
                source=reference,
                remedy="give its folder as a root if you trust the description",
            )
        raise InputError(
            "is not there",
            source=reference,
            remedy="give the folder of its package, as name=folder"
            if reference.startswith(_PACKAGE)
            else "put the file beside the description, or give its folder as a root",
        )

    def holds(self, path: Path) -> bool:
        """Whether ``path``, links followed, lies below one of the folders."""
        found = path.resolve()
        return any(found.is_relative_to(folder.resolve()) for folder in self.folders)

    def _candidates(self, reference: str, base: Path) -> list[Path]:
        if "\0" in reference:
            return []
        if reference.startswith(_PACKAGE):
            name, _, rest = reference.removeprefix(_PACKAGE).partition("/")
            if name in self.packages:
                return [self.packages[name] / rest]
            # Descriptions lie in their own package more often than not.
            named = [p for f in self.folders for p in (f, *f.resolve().parents) if p.name == name]
            return [folder / rest for folder in [*named, *(f / name for f in self.folders)]]
        path = Path(PurePosixPath(reference.removeprefix(_FILE).replace("\\", "/")))
        return [path] if path.is_absolute() else [base / path, *(f / path for f in self.folders)]


def _resolved(path: Path) -> Path | None:
    """``path`` with links followed; None where they lead in circles, or no file could be so named.

    What is too long for a name is only noticed where it lies in a folder that is there.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _pixels(data: bytes) -> int:
    """How many a picture says it has; 0 for what is no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as picture:
                return picture.width * picture.height
    except Image.DecompressionBombError:
        return sys.maxsize
    except Exception:  # decoders of untrusted bytes raise anything
        return 0


class RootedResolver(Resolver):
    """Hands trimesh the materials and textures a mesh names, if the roots allow it."""

    def __init__(self, roots: Roots, base: Path) -> None:
        self._roots, self._base = roots, base

    def get(self, key: str) -> bytes:
        """Contents of the file ``key``.

        Raises:
            FileNotFoundError: if the roots do not have it, or it is a picture of too many pixels;
                trimesh then goes on without.
        """
        try:
            data = self._roots.find(str(key).strip(), base=self._base).read_bytes()
        except (InputError, OSError) as cause:
            raise FileNotFoundError(str(key)) from cause
        if _pixels(data) > _MOST_PIXELS:
            raise FileNotFoundError(str(key))
        return data

    def write(self, name: str, data: object) -> None:
        """Refused: nothing is written while reading."""
        raise PermissionError(name)

    def namespaced(self, namespace: str) -> RootedResolver:
        """The same below a folder."""
        return RootedResolver(self._roots, self._base / namespace)

    def keys(self) -> list[str]:
        """Nothing: files are asked for by name."""
        return []

"""Files that a file by itself names: read from its folder and the roots given only."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from reel2sim.exporters.check.report import Notes
from reel2sim.scene.errors import InputError


class Named:
    """Finds what a file names, and notes what cannot be had.

    Attributes:
        all_found: whether everything asked for so far was found where it may be read.
        all_inside: whether nothing asked for so far is outside of that.
    """

    def __init__(self, notes: Notes, file: Path, roots: tuple[Path, ...]) -> None:
        from reel2sim.importers.roots import Roots

        self._notes, self._base = notes, file.parent
        self._roots = Roots.around(file, *roots)
        self.all_found = self.all_inside = True

    def mesh(self, where: str, reference: str) -> Path | None:
        """A mesh; a package that nobody was told about is no fault of the file."""
        rooted = PurePosixPath(reference).is_absolute() or PureWindowsPath(reference).is_absolute()
        if "://" in reference or rooted:
            self._notes.add("MESH001", where, f"names {reference!r}")
        return self.resource("MESH003", where, reference)

    def resource(self, check: str | None, where: str, reference: str) -> Path | None:
        """The file of ``reference``; None after noting why not, as ``check`` if it is missing.

        Without ``check``, what is missing is for the loader to say.
        """
        try:
            return self._roots.find(reference, base=self._base)
        except InputError as cause:
            self.all_found = False
            if "outside" in str(cause):
                self.all_inside = False
                text = f"{reference!r} is outside of the folders that may be read: give --roots"
                self._notes.add("MESH002", where, text)
            elif check is not None:
                mild = "warning" if reference.startswith("package://") else None
                text = f"{reference!r} cannot be read: {cause}"
                self._notes.add(check, where, text, severity=mild)
            return None

    def holds(self, path: Path) -> bool:
        """Whether ``path`` may be read."""
        return self._roots.holds(path)

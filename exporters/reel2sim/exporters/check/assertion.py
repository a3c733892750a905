"""The checker as one line of a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reel2sim.exporters.check.alone.file import check_file
from reel2sim.exporters.check.bundle import check_bundle
from reel2sim.exporters.check.report import CheckReport


def check_path(path: Path, *, roots: Sequence[Path] = ()) -> CheckReport:
    """Check a bundle's folder, or one file; see :func:`check_bundle` and :func:`check_file`.

    Raises:
        BundleError: if there is nothing at ``path``.
        InputError: if the file is of no format that can be checked.
    """
    path = Path(path)
    return check_file(path, roots=roots) if path.is_file() else check_bundle(path)


def assert_sound(path: Path | str, *, roots: Sequence[Path] = ()) -> CheckReport:
    """Assert that a bundle or a file has no errors; the report, which may hold warnings.

    Args:
        path: a bundle's folder, or a file.
        roots: folders besides the file's own that meshes and layers may be in.

    Raises:
        AssertionError: with all findings as text, if one is an error.
        BundleError: if there is nothing at ``path``.
        InputError: if the file is of no format that can be checked.
    """
    report = check_path(Path(path), roots=roots)
    if not report.ok:
        raise AssertionError(report.text)
    return report

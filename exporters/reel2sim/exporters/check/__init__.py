"""The contract of a bundle as a function: what we promise of its files is what this checks.

Files are read with other libraries than wrote them, and compared with each other. A file of
another tool is checked by itself. The names of the checks and what to do about each are in
:mod:`reel2sim.exporters.check.catalogue.table`.
"""

from reel2sim.exporters.check.alone.file import check_file
from reel2sim.exporters.check.assertion import assert_sound, check_path
from reel2sim.exporters.check.bundle import check_bundle
from reel2sim.exporters.check.catalogue.table import CHECKS, Check, documentation
from reel2sim.exporters.check.report import CheckReport, Finding

__all__ = [
    "CHECKS",
    "Check",
    "CheckReport",
    "Finding",
    "assert_sound",
    "check_bundle",
    "check_file",
    "check_path",
    "documentation",
]

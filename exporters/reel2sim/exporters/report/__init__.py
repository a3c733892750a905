"""``report.html``: what went in, what came out, and how sure we are; ``index.html`` of many."""

from reel2sim.exporters.report.page import write_report
from reel2sim.exporters.report.scene_page import write_scene_report
from reel2sim.exporters.report.set_page import write_set_report
from reel2sim.exporters.report.set_rows import SetJoint, SetRow, bundles_in, read_row

__all__ = [
    "SetJoint",
    "SetRow",
    "bundles_in",
    "read_row",
    "write_report",
    "write_scene_report",
    "write_set_report",
]

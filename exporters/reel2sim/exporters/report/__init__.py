"""``report.html``: what went in, what came out, and how sure we are."""

from reel2sim.exporters.report.page import write_report
from reel2sim.exporters.report.scene_page import write_scene_report

__all__ = ["write_report", "write_scene_report"]

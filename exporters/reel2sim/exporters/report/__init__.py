"""``report.html``: what went in, what came out, and how sure we are."""

from reel2sim.exporters.report.page import write_report

__all__ = ["write_report"]

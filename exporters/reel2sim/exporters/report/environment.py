"""The engine that fills the pages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_page(template: str, path: Path, values: Mapping[str, Any]) -> None:
    """Fill ``template`` with ``values`` and write it to ``path``; all text is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reel2sim.exporters.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(values)
    path.write_text(page, encoding="utf-8")

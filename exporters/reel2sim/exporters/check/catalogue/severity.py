"""How bad a finding is, and the form of the catalogue's rows."""

from __future__ import annotations

from typing import Literal

Severity = Literal["error", "warning", "info"]

Row = tuple[str, Severity, Severity | None, str, str]
"""Id, severity in a bundle, severity of a file by itself (None: does not apply), what, remedy."""

EXPORT = "Export the bundle again."
WRITE = "Write the file again with the tool it came from."
"""What to do instead of ``EXPORT`` about a file that is not of a bundle."""

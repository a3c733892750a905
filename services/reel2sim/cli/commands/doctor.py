"""``reel2sim doctor``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from reel2sim.cli.options import Common

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Say what this machine offers and what is missing, and how to fix it.

    Exits with 0 if everything that is needed is there; optional extras only warn.

    Examples:
      reel2sim doctor
      reel2sim doctor --json
    """

    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Look and report."""
        from reel2sim.cli.diagnosis import diagnose
        from reel2sim.cli.tables import table

        findings = diagnose()
        ok = all(finding.status != "fail" for finding in findings)
        rows = [(f.status, f.name, f.detail, f.fix) for f in findings]
        record = {"ok": ok, "findings": [asdict(finding) for finding in findings]}
        verdict = "ready" if ok else "not ready: see the fixes above"
        console.result(record, table("doctor", ("status", "what", "found", "fix"), rows), verdict)
        return 0 if ok else 1

"""What a check found, and the notebook it is written into while checking."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reel2sim.exporters.check.catalogue.severity import EXPORT, WRITE
from reel2sim.exporters.check.catalogue.table import CHECKS, Severity
from reel2sim.scene.errors import CancelledError


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        id: stable name of the check.
        severity: an ``error`` breaks the contract, a ``warning`` may surprise, ``info`` is news.
        where: file, and the thing inside it.
        message: what is wrong there.
        remedy: what to do about it.
    """

    id: str
    severity: Severity
    where: str
    message: str
    remedy: str


@dataclass(frozen=True)
class CheckReport:
    """Everything that was found in a bundle or a file.

    Attributes:
        path: the bundle, or the file.
        findings: errors first.
        agreement: largest difference of each reader's poses from the URDF and ``motion.json``,
            over metres and rotation-matrix entries.
        counts: how much was compared.
    """

    path: Path
    findings: tuple[Finding, ...]
    agreement: Mapping[str, float]
    counts: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def text(self) -> str:
        """All findings, one to a line, each with its remedy."""
        lines = (f"{f.severity} {f.id} {f.where}: {f.message} — {f.remedy}" for f in self.findings)
        return "\n".join([f"{self.path}: {len(self.findings)} finding(s)", *lines])

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; a difference that is not finite becomes None."""
        return {
            "bundle": str(self.path),
            "ok": self.ok,
            "findings": [asdict(finding) for finding in self.findings],
            "agreement": {k: v if math.isfinite(v) else None for k, v in self.agreement.items()},
            "counts": dict(self.counts),
        }


_ORDER = {"error": 0, "warning": 1, "info": 2}


@dataclass
class Notes:
    """Collects findings and figures of one bundle, or of one file.

    Attributes:
        root: the bundle, or the file's folder.
        findings: so far.
        agreement: so far.
        counts: so far.
        alone: whether this is about one file that need not be ours.
    """

    root: Path
    findings: list[Finding] = field(default_factory=list[Finding])
    agreement: dict[str, float] = field(default_factory=dict[str, float])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    alone: bool = False

    def add(
        self, check: str, where: str, message: str, *, severity: Severity | None = None
    ) -> None:
        """Note that ``check`` failed at ``where``; ``severity`` if not the catalogue's.

        What a file by itself need not keep is passed over.
        """
        entry = CHECKS[check]
        usual = entry.alone if self.alone else entry.severity
        if usual is not None:
            remedy = WRITE if self.alone and entry.remedy == EXPORT else entry.remedy
            found = Finding(check, severity or usual, where, message, remedy)
            self.findings.append(found)

    @contextmanager
    def guard(self, check: str, where: str) -> Generator[None]:
        """Turn whatever a reader raises into a finding: a bad file must not stop the checking."""
        try:
            yield
        except CancelledError:
            raise
        except Exception as cause:
            self.add(check, where, one_line(cause))

    def report(self) -> CheckReport:
        """The findings in order of severity, then as found."""
        ordered = sorted(self.findings, key=lambda finding: _ORDER[finding.severity])
        return CheckReport(self.root, tuple(ordered), dict(self.agreement), dict(self.counts))


_SOURCE_LINE = re.compile(r"Error in '\S+' at line \d+ in file \S+ : ")
"""Where in USD's own source an error was raised; nobody wants to know."""


def one_line(cause: BaseException) -> str:
    """What an exception says, on one line that fits a table."""
    text = _SOURCE_LINE.sub("", " ".join(str(cause).split()))
    return f"{type(cause).__name__}: {text}"[:300] if text else type(cause).__name__

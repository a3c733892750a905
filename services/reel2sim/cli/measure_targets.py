"""Figures beside what they must reach and what they should, as tables show them."""

from __future__ import annotations

from dataclasses import dataclass

MARKS = {"aim": " ✓✓", "must": " ✓", "missed": " ✗", "": ""}
"""What stands behind a figure, by what :meth:`Target.met` says."""


@dataclass(frozen=True)
class Target:
    """What a figure must reach and what it should.

    Attributes:
        figure: its name.
        title: for people, with the unit.
        must: worst value that will do; None: shown alone.
        aim: value to work towards, if there is one.
        scale: from the figure to the unit shown.
        digits: behind the decimal point.
        most: whether more is better.
    """

    figure: str
    title: str
    must: float | None = None
    aim: float | None = None
    scale: float = 1.0
    digits: int = 2
    most: bool = False

    def met(self, value: float | None) -> str:
        """``"aim"``, ``"must"``, ``"missed"``, or "" where there is nothing to compare."""
        if self.must is None or value is None:
            return ""
        for name, bound in (("aim", self.aim), ("must", self.must)):
            if bound is not None and (value >= bound if self.most else value <= bound):
                return name
        return "missed"

    def shown(self, value: float | None) -> str:
        """A value in the unit shown; a dash for none."""
        return "–" if value is None else f"{self.scale * value:.{self.digits}f}"

    @property
    def bound(self) -> str:
        """What must be, with its sign; a dash for nothing."""
        sign = "≥ " if self.most else "≤ "
        return "–" if self.must is None else sign + self.shown(self.must)

    def marked(self, value: float | None) -> str:
        """A value, and whether it is what must be."""
        return self.shown(value) + MARKS[self.met(value)]


@dataclass(frozen=True)
class Shown:
    """A table before it has a form."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

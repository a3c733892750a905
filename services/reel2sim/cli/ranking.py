"""Candidates as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from reel2sim.curation import Candidate


def ranking_record(ranking: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Candidates as plain values, from the best to the worst."""
    return [
        {
            "name": one.name,
            "score": one.score.value,
            "terms": dict(one.score.terms),
            "figures": None if one.figures is None else asdict(one.figures),
            "draft": None if one.draft is None else asdict(one.draft),
            "duplicate_of": one.duplicate_of,
            "fault": one.fault,
        }
        for one in ranking
    ]


def ranking_table(ranking: Sequence[Candidate]) -> Table:
    """A row a candidate, from the best to the worst; every term of the score is 1 at best."""
    from reel2sim.cli.tables import table

    terms = list(dict.fromkeys(name for one in ranking for name in one.score.terms))
    rows = [
        (
            one.name,
            f"{one.score.value:.3f}",
            *(f"{one.score.terms[name]:.2f}" if name in one.score.terms else "–" for name in terms),
            _remark(one),
        )
        for one in ranking
    ]
    columns = ("candidate", "score", *terms, "remark")
    return table("reconstructability", columns, rows)


def _remark(one: Candidate) -> str:
    if one.fault:
        return one.fault
    if one.duplicate_of:
        return f"looks like {one.duplicate_of}"
    if one.draft is None:
        return ""
    if one.draft.fault:
        return one.draft.fault
    depth = f"{one.draft.penetration:.1%} in each other"
    return f"{one.draft.joints} joint(s), residual {one.draft.residual:.2f} px², {depth}"

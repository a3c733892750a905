"""Every validator that comes with OpenUSD, on stages in both appearances.

Runs where usd-core is. ``pixar.py REPORT STAGE...`` writes findings to REPORT as JSON.
"""

import json
import sys
from pathlib import Path

from pxr import Plug, Usd, UsdValidation

APPEARANCE = "appearance"


def main(report: str, *stages: str) -> None:
    for plugin in Plug.Registry().GetAllPlugins():
        if plugin.name.endswith("Validators"):
            plugin.Load()
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    findings = []
    for path in stages:
        stage = Usd.Stage.Open(path)
        for chosen, holders in appearances(stage):
            for prim in holders:
                prim.GetVariantSet(APPEARANCE).SetVariantSelection(chosen)
            for found in UsdValidation.ValidationContext(validators).Validate(stage):
                sites = [str(s.GetPrim().GetPath()) for s in found.GetSites() if s.IsPrim()]
                where = f"{Path(path).name} ({chosen}) {' '.join(sites)}".strip()
                findings.append(
                    {"where": where, "message": f"{found.GetName()}: {one_line(found)}"}
                )
    notes = [f"{len(validators)} validators"]
    Path(report).write_text(json.dumps({"findings": findings, "notes": notes}), encoding="utf-8")


def appearances(stage: Usd.Stage) -> list[tuple[str, list[Usd.Prim]]]:
    """Each choice of the variant set, with the prims that have it."""
    holders = [p for p in stage.TraverseAll() if p.GetVariantSets().HasVariantSet(APPEARANCE)]
    names = {n for p in holders for n in p.GetVariantSet(APPEARANCE).GetVariantNames()}
    return [(name, holders) for name in sorted(names)] or [("no variants", [])]


def one_line(found: UsdValidation.ValidationError) -> str:
    return " ".join(found.GetMessage().split())


if __name__ == "__main__":
    main(*sys.argv[1:])

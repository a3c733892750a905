"""The shipped capture through the whole chain: the true joint, a valid bundle, the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reel2sim.exporters.check import check_bundle
from reel2sim.generation.truth import load_truth
from reel2sim.pipeline import PipelineConfig, run
from reel2sim.pipeline.evaluation import score

CAPTURE = Path(__file__).resolve().parents[2] / "examples" / "drawer"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # minutes alone; several times that on a machine that others use
def test_the_drawer_becomes_a_bundle_with_its_one_slide(tmp_path: Path) -> None:
    result = run(CAPTURE, tmp_path / "drawer", config=PipelineConfig(preset="draft"), cache=None)
    truth = load_truth(CAPTURE)
    found = score(result.asset, truth)
    assert len(result.asset.joints) == len(truth.joints) == 1
    joint = found.joints[0]
    assert joint.type_ok
    assert joint.axis_deg < 2.0
    assert found.replay_error < 0.25
    report = check_bundle(result.bundle)
    assert report.ok, report.findings
    assert not [p for p in tmp_path.iterdir() if p.name != "drawer"]

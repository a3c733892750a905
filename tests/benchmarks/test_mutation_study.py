"""The mutation study tells a fault that is found from one that is not."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from pathlib import Path

import pytest

from reel2sim.exporters import export_bundle
from reel2sim.exporters.check import CHECKS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def modules(monkeypatch):
    for folder in (ROOT, ROOT / "benchmarks"):
        monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name.split(".")[0] == "mutation_study":
            del sys.modules[name]


def test_faults_are_judged_by_what_finds_them(modules, tmp_path):
    bundles = modules("mutation_study.bundles")
    trials = modules("mutation_study.trials")
    faults = modules("tests.exporters.faults").FAULTS
    makers = bundles.built()
    export_bundle(makers["drawer"](), tmp_path / "drawer")
    found = {"drawer": tmp_path / "drawer"}
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    (swapped,) = (f for f in faults if (f.format, f.name) == ("URDF", "limits swapped"))
    (geared,) = (f for f in faults if (f.format, f.name) == ("MJCF", "mimic dropped"))
    wrong = dataclasses.replace(swapped, ids=("URDF008", "GLB001"))

    def judge(fault, seed=0):
        return trials.judged(fault, found, spoilt, trials=2, seed=seed)

    caught = judge(swapped)
    assert caught.caught
    assert [trial.bundle for trial in caught.trials] == ["drawer"]
    assert judge(swapped) == caught
    missed = judge(wrong)
    assert not missed.caught
    assert missed.trials[0].missed == ("GLB001",)
    assert "LIM002" in missed.trials[0].also
    nowhere = judge(geared)
    assert nowhere.trials == ()
    assert not nowhere.caught
    assert not list(spoilt.iterdir())


def test_faults_are_many_and_of_every_format(modules):
    faults = modules("tests.exporters.faults").FAULTS
    assert len({(f.format, f.name) for f in faults}) == len(faults) >= 60
    assert {"URDF", "SRDF", "MJCF", "USD", "USDZ", "GLB", "PLY", "motion"} <= {
        f.format for f in faults
    }
    assert all(set(f.ids) <= set(CHECKS) and f.ids and f.seen for f in faults)

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reel2sim.exporters import export_bundle
from reel2sim.scene import JointType, RiggedAsset
from tests.exporters.conftest import build_asset

J = JointType


def chest(name: str = "chest", seed: int = 7, *, fixed_base: bool = True) -> RiggedAsset:
    kinds = [J.REVOLUTE, J.PRISMATIC, J.CONTINUOUS, J.FIXED]
    return replace(build_asset(kinds, [0, 0, 1, 2], seed=seed, fixed_base=fixed_base), name=name)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "chest"
    out.mkdir()
    export_bundle(chest(), out)
    return out

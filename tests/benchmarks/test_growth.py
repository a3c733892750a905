"""The growth benchmark thins captures evenly and finds the exponents that are there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reel2sim.media import load_reel

ROOT = Path(__file__).parents[2]
DRAWER = ROOT / "examples" / "drawer"


@pytest.fixture
def growth(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield importlib.import_module("reconstruct_growth")
    del sys.modules["reconstruct_growth"]


def test_a_thinned_capture_keeps_its_streams_and_its_range_of_time(growth, tmp_path):
    whole = load_reel(DRAWER)
    assert growth.thinned(DRAWER, tmp_path, 0.25) == 18
    part = load_reel(tmp_path)
    assert {name: len(frames) for name, frames in part.streams.items()} == dict.fromkeys(
        whole.streams, 6
    )
    assert set(part.times_s) <= set(whole.times_s)
    assert (part.times_s[0], part.times_s[-1]) == (whole.times_s[0], whole.times_s[-1])


def test_exponents_and_their_chart(growth, tmp_path):
    fits = [
        growth.Fit(name, x, 0.3 * x**power, 50.0 * x**0.5)
        for name, power in (("surfels", 1.0), ("image_px", 2.0), ("frames", 0.5))
        for x in (100.0, 200.0, 800.0)
    ]
    for name, power in (("surfels", 1.0), ("image_px", 2.0), ("frames", 0.5)):
        own = [fit for fit in fits if fit.varied == name]
        assert growth.exponent(own, "cpu_s") == pytest.approx(power)
        assert growth.exponent(own, "peak_memory_mb") == pytest.approx(0.5)
    growth.draw(fits, tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as chart:
        assert np.asarray(chart.convert("L")).std() > 10

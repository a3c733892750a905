"""How weights are moved, and what a network is asked for."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation.uvit.flow import noised, preconditioned, scaled, velocity
from reel2sim.generation.uvit.learner import Learner
from reel2sim.generation.uvit.muon import Muon, orthogonal


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31 - 1), st.floats(0.0, 1.0))
def test_a_right_network_gives_the_velocity_and_all_it_sees_and_says_has_unit_variance(seed, time):
    g = torch.Generator().manual_seed(seed)
    clean, noise = torch.randn(2, 1, 4096, generator=g, dtype=torch.float64)
    times = torch.tensor([time], dtype=torch.float64)
    noisy = noised(clean[None], noise[None], times)
    deviation = (time**2 + (1 - time) ** 2) ** 0.5
    target = ((1 - time) * noise - time * clean)[None] / deviation
    found = preconditioned(noisy, target, times)
    torch.testing.assert_close(found, velocity(clean, noise)[None])
    for seen in (target, scaled(noisy, times)):
        assert 0.85 < float(seen.var()) < 1.15


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31 - 1), st.integers(1, 24), st.integers(1, 24))
def test_updates_are_as_large_in_all_directions(seed, rows, columns):
    g = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, columns, generator=g)
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    firm = sizes > 0.05 * sizes[0]
    found = left.T @ orthogonal(matrix) @ right.T
    assert ((found.diagonal()[firm] > 0.5) & (found.diagonal()[firm] < 1.3)).all()
    assert (found - found.diagonal().diag()).abs().max() < 1e-3


def test_muon_finds_the_least_of_a_stretched_bowl():
    target = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    stretch = torch.logspace(0, -2, 4)
    weight = torch.nn.Parameter(torch.zeros(6, 4))
    optimiser = Muon([weight], lr=0.05)
    losses: list[float] = []
    for step in range(200):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        loss = ((weight - target) * stretch).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.01 * losses[0]


@pytest.mark.parametrize(("steps", "cooldown"), [(100, 0.2), (40, 0.5), (30, 0.0)])
def test_the_rate_rises_stays_and_falls_to_nothing(config, steps, cooldown):
    chosen = replace(config, warmup=10, cooldown=cooldown, learning_rate=0.5)
    learner = Learner(torch.nn.Linear(2, 2), chosen, steps)
    rates: list[float] = []
    for step in range(steps + 1):
        learner.step = step
        rates.append(learner.rate())
    begin = round((1 - cooldown) * steps)
    assert rates[9:begin] == [0.5] * (begin - 9)
    assert rates[:10] == sorted(rates[:10])
    assert rates[begin:] == sorted(rates[begin:], reverse=True)
    assert (rates[-1], min(rates[:-1]) > 0) == (0.0, True)


def test_matrices_of_blocks_are_muons_and_all_else_is_adams(config, samples):
    from reel2sim.generation.uvit.facts import Facts
    from reel2sim.generation.uvit.model import UViT

    words = len(Facts.of(samples, config.layout).vocabulary)
    network = UViT(config.model, config.autoencoder, config.layout, words)
    learner = Learner(network, config, 1)
    groups = [p for o in learner.optimisers for g in o.param_groups for p in g["params"]]
    assert {id(p) for p in groups} == {id(p) for p in network.parameters()}
    assert len(groups) == len({id(p) for p in groups})
    muons = [
        p for o in learner.optimisers if isinstance(o, Muon) for p in o.param_groups[0]["params"]
    ]
    assert {id(p) for p in muons} == {id(p) for p in network.hidden}
    assert all(p.ndim == 2 for p in muons)

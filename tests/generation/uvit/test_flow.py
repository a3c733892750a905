import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from reel2sim.generation.uvit.ema import Ema
from reel2sim.generation.uvit.flow import (
    clean_from,
    integrate,
    noised,
    schedule,
    velocity,
    word_velocity,
)
from reel2sim.generation.uvit.tokens import State

MEAN, SIGMA = 1.5, 0.3


def state(**values):
    empty = torch.zeros(1, dtype=torch.float64)
    return State(**{f: values.get(f, empty) for f in State.__dataclass_fields__})


def gaussian_field(s, t):
    """The velocity of flow matching from N(MEAN, SIGMA²) to N(0, 1): E[ε − x | x_t] exactly."""
    x = s.motion
    variance = (1 - t) ** 2 * SIGMA**2 + t**2
    slope = (t - (1 - t) * SIGMA**2) / variance
    return state(motion=-MEAN + slope * (x - (1 - t) * MEAN))


def test_sampler_reaches_the_data_from_noise():
    noise = torch.randn(4000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    *_, last = integrate(gaussian_field, state(motion=noise), schedule(400))
    # The exact flow maps noise z to MEAN + SIGMA z, so not only the moments are known.
    torch.testing.assert_close(last.motion, MEAN + SIGMA * noise, atol=0.02, rtol=0)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_error_falls_with_the_step_as_the_method_says(method, order):
    noise = torch.linspace(-2, 2, 21, dtype=torch.float64)

    def error(steps):
        # Up to t = 0.2, where the field is smooth at this step.
        times = 1.0 - 0.8 * torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        *_, last = integrate(gaussian_field, state(motion=noise), times, method=method)
        t = float(times[-1])
        spread = ((1 - t) ** 2 * SIGMA**2 + t**2) ** 0.5
        return float((last.motion - ((1 - t) * MEAN + spread * noise)).abs().max())

    rate = np.log2(error(40) / error(80))
    assert rate == pytest.approx(order, abs=0.25)


def test_words_come_out_as_often_as_they_are_likely():
    """With the true posterior as logits, the flow over embeddings draws from the prior."""
    torch.manual_seed(0)
    table = nn.functional.layer_norm(torch.randn(3, 16, dtype=torch.float64), (16,))
    prior = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)

    def field(s, t):
        far = ((s.text[:, :, None] - (1 - t) * table) ** 2).sum(-1)
        logits = prior.log() - far / (2 * t**2)
        time = torch.full((len(s.text),), t, dtype=torch.float64)
        return state(text=word_velocity(s.text, logits, table, time))

    start = torch.randn(1, 4000, 16, dtype=torch.float64)
    *_, last = integrate(field, state(text=start), schedule(100))
    far = ((last.text[:, :, None] - table) ** 2).sum(-1)
    share = torch.bincount(far.argmin(-1).flatten(), minlength=3) / 4000
    torch.testing.assert_close(share.double(), prior, atol=0.03, rtol=0)
    assert float(far.min(-1).values.median()) < 1e-3


@settings(max_examples=30, deadline=None)
@given(t=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_a_path_is_straight(t, seed):
    g = torch.Generator().manual_seed(seed)
    clean, noise = torch.randn(2, 3, 4, 5, generator=g, dtype=torch.float64)
    times = torch.full((3,), t, dtype=torch.float64)
    x = noised(clean, noise, times)
    torch.testing.assert_close(clean_from(x, velocity(clean, noise), times), clean)
    torch.testing.assert_close(noised(clean, noise, 0 * times), clean)
    torch.testing.assert_close(noised(clean, noise, 0 * times + 1), noise)
    ahead = noised(clean, noise, times + 1e-3)
    torch.testing.assert_close((ahead - x) / 1e-3, velocity(clean, noise))


def test_ema_is_the_weighted_mean_it_says():
    network = nn.Linear(2, 1, bias=False)
    ema = Ema(network, 0.9)
    values = [network.weight.detach().clone().double()]
    mean = values[0]
    for step in range(200):
        with torch.no_grad():
            network.weight.normal_()
        ema.update(network, step)
        keep = min(0.9, (1 + step) / (10 + step))
        mean = keep * mean + (1 - keep) * network.weight.detach().double()
    torch.testing.assert_close(ema.values["weight"].double(), mean, atol=1e-5, rtol=0)
    other = nn.Linear(2, 1, bias=False)
    ema.copy_to(other)
    assert torch.equal(other.weight.detach(), ema.values["weight"])

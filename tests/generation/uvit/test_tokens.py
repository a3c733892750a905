import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation.uvit.blocks import Block
from reel2sim.generation.uvit.guidance import guided, hidden
from reel2sim.generation.uvit.model import UViT, parameters
from reel2sim.generation.uvit.rays import object_frame, plucker
from reel2sim.generation.uvit.tokens import Clocks, Scene, State, patches, unpatched
from reel2sim.scene.camera import Camera
from reel2sim.scene.transforms import axis_rotation, pose

B, F, K, WORDS = 2, 9, 2, 300


def network(config, **changes):
    from dataclasses import replace

    torch.manual_seed(0)
    model = UViT(replace(config.model, **changes), config.autoencoder, config.layout, WORDS)
    # Weights as trained ones: nothing at zero, so that every input has a say.
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model.double().eval()


def inputs(config, frames=F):
    g = torch.Generator().manual_seed(1)

    def noise(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    state = State(noise(B, frames, 4, 4, 4), noise(B, 12, 8), noise(B, 1), noise(B, K, 6),
                  noise(B, 4, 4, 4))  # fmt: skip
    clocks = Clocks(*(torch.rand(5, B, generator=g, dtype=torch.float64)))
    given_ = torch.rand(B, frames, generator=g) < 0.3
    scene = Scene(noise(B, frames, 4, 6), torch.rand(B, frames, generator=g).double(), given_,
                  torch.ones(B, K, dtype=torch.bool))  # fmt: skip
    return state, clocks, scene


def reordered(state, scene, order):
    frames = State(state.video[:, order], state.text, state.motion, state.tracks, state.reference)
    known = Scene(scene.rays[:, order], scene.times[:, order], scene.given[:, order], scene.drawn)
    return frames, known


def test_shapes_and_any_number_of_frames(config):
    model = network(config)
    for frames in (F, 4):
        state, clocks, scene = inputs(config, frames)
        speed, logits = model(state, clocks, scene)
        for name in State.__dataclass_fields__:
            assert getattr(speed, name).shape == getattr(state, name).shape
        assert logits.shape == (B, 12, WORDS)


@pytest.mark.parametrize("cameras", [True, False])
def test_frames_have_no_order_but_their_cameras_and_times(config, cameras):
    model = network(config, cameras=cameras)
    state, clocks, scene = inputs(config)
    order = torch.randperm(F, generator=torch.Generator().manual_seed(2))
    speed, logits = model(state, clocks, scene)
    moved, again = model(*_around(reordered(state, scene, order), clocks))
    same = torch.allclose(moved.video, speed.video[:, order], atol=1e-10)
    assert same == cameras
    if cameras:
        torch.testing.assert_close(again, logits)


def _around(pair, clocks):
    state, scene = pair
    return state, clocks, scene


def test_strokes_have_no_order_and_those_not_drawn_no_say(config):
    model = network(config)
    state, clocks, scene = inputs(config)
    speed, _ = model(state, clocks, scene)
    turned = State(state.video, state.text, state.motion, state.tracks.flip(1), state.reference)
    again, _ = model(turned, clocks, scene)
    torch.testing.assert_close(again.tracks, speed.tracks.flip(1))
    torch.testing.assert_close(again.video, speed.video)
    bare = Scene(scene.rays, scene.times, scene.given, torch.zeros_like(scene.drawn))
    one, two = model(state, clocks, bare)[0].video, model(turned, clocks, bare)[0].video
    assert torch.equal(one, two)
    assert not torch.allclose(one, speed.video)


@pytest.mark.parametrize("name", ["video", "text", "motion", "tracks", "reference"])
def test_every_modality_and_its_clock_have_a_say(config, name):
    model = network(config)
    state, clocks, scene = inputs(config)
    before = model(state, clocks, scene)[0].video
    tokens = {f: getattr(state, f) + (f == name) for f in State.__dataclass_fields__}
    times = {f: getattr(clocks, f) + 0.1 * (f == name) for f in Clocks.__dataclass_fields__}
    assert not torch.allclose(model(State(**tokens), clocks, scene)[0].video, before)
    assert not torch.allclose(model(state, Clocks(**times), scene)[0].video, before)


def test_cameras_times_and_given_frames_have_a_say(config):
    model = network(config)
    state, clocks, scene = inputs(config)
    before = model(state, clocks, scene)[0].video
    for name in ("rays", "times", "given"):
        fields = {f: getattr(scene, f) for f in Scene.__dataclass_fields__}
        fields[name] = ~fields[name] if name == "given" else fields[name] + 0.2
        assert not torch.allclose(model(state, clocks, Scene(**fields))[0].video, before)


def test_ablations_take_away_what_they_say(config):
    full, plain = network(config), network(config, skips=False)
    width = config.model.width
    join = 2 * 2 * width + 2 * width * width + width
    assert parameters(full) - parameters(plain) == join * (config.model.depth // 2)
    blind = network(config, cameras=False)
    state, clocks, scene = inputs(config)
    other = Scene(scene.rays + 1, scene.times, scene.given, scene.drawn)
    one, two = blind(state, clocks, scene)[0].video, blind(state, clocks, other)[0].video
    assert torch.equal(one, two)


def test_a_long_skip_carries_what_the_middle_loses():
    torch.manual_seed(0)
    block = Block(16, 2, skip=True)
    x, earlier = torch.zeros(1, 3, 16), torch.randn(1, 3, 16, requires_grad=True)
    torch.autograd.backward(block(x, earlier).square().sum())
    assert earlier.grad is not None
    assert (earlier.grad.abs() > 0).all()


def test_words_are_as_loud_as_noise(config):
    table = network(config).table
    loudness = table.var(dim=1, correction=0)
    torch.testing.assert_close(loudness, torch.ones_like(loudness), rtol=0.01, atol=0)


@settings(max_examples=30, deadline=None)
@given(
    lead=st.lists(st.integers(1, 3), max_size=2), side=st.sampled_from([1, 2, 4]),
    grid=st.integers(1, 4), channels=st.integers(1, 3),
)  # fmt: skip
def test_patches_lose_nothing(lead, side, grid, channels):
    x = torch.randn(*lead, channels, grid * side, grid * side)
    cut = patches(x, side)
    assert cut.shape == (*lead, grid * grid, channels * side * side)
    assert torch.equal(unpatched(cut, side, channels), x)
    # A patch holds the pixels of its place and no other.
    assert torch.equal(cut[..., 0, :].flatten(), x[..., :side, :side].flatten())


def test_guidance_of_scale_one_changes_nothing_and_asks_once(config):
    model, calls = network(config), []
    state, clocks, scene = inputs(config)
    absent, _, _ = inputs(config)

    def counted(*args):
        calls.append(args)
        return model(*args)

    plain = model(state, clocks, scene)[0]
    same = guided(counted, state, clocks, scene, absent=absent)[0]
    assert torch.equal(same.video, plain.video)
    assert len(calls) == 1


def test_guidance_is_the_formula_and_leaves_other_modalities(config):
    model = network(config)
    state, clocks, scene = inputs(config)
    absent = inputs(config)[0].map(lambda x: x.roll(1, 0))
    plain = model(state, clocks, scene)[0]
    bare = Scene(scene.rays, scene.times, scene.given, torch.zeros_like(scene.drawn))
    nothing = model(*hidden(state, clocks, absent, "text", "motion", "reference"), bare)[0].video
    still = model(*hidden(state, clocks, absent, "motion"), scene.still)[0].video
    found = guided(model, state, clocks, scene, absent=absent, text_scale=3.0, motion_scale=1.5)[0]
    wanted = plain.video + 2.0 * (plain.video - nothing) + 0.5 * (plain.video - still)
    torch.testing.assert_close(found.video, wanted)
    assert torch.equal(found.text, plain.text)


@pytest.fixture(scope="module")
def rig(samples):
    return samples[0].cameras


def test_rays_do_not_depend_on_world_or_unit(rig, layout):
    T = pose(axis_rotation(np.array([0.0, 0.6, 0.8]), 0.7), np.array([3.0, -1.0, 2.0]))

    def rays(cameras):
        target, unit = object_frame(cameras[: layout.static])
        return plucker(cameras, 2, target=target, unit=unit)

    moved = []
    for c in rig:
        M = T @ c.T_world_camera
        M[:3, 3] *= 5.0
        moved.append(Camera(c.width, c.height, c.fx, c.fy, c.cx, c.cy, M))
    found, again = rays(rig), rays(moved)
    R = T[:3, :3]
    np.testing.assert_allclose(again[..., :3], found[..., :3] @ R.T, atol=1e-5)
    np.testing.assert_allclose(again[..., 3:], found[..., 3:] @ R.T, atol=1e-5)


def test_rays_are_lines(rig):
    rays = plucker(rig, 4, target=np.zeros(3), unit=2.0)
    d, m = rays[..., :3], rays[..., 3:]
    np.testing.assert_allclose(np.linalg.norm(d, axis=-1), 1.0, atol=1e-6)
    np.testing.assert_allclose((d * m).sum(-1), 0.0, atol=1e-6)
    # Any point of the line gives the same moment: take one farther along.
    for camera, ds, ms in zip(rig, d, m, strict=True):
        ahead = (camera.position + 3.0 * ds) / 2.0
        np.testing.assert_allclose(np.cross(ahead, ds), ms, atol=1e-6)

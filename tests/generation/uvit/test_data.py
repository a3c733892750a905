import json
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation.uvit import TrainConfig, preset
from reel2sim.generation.uvit.config import from_record
from reel2sim.generation.uvit.data import chosen, clean, draw_batch, draw_clocks, generator
from reel2sim.generation.uvit.facts import MOST, Facts
from reel2sim.generation.uvit.make import film, make_data
from reel2sim.generation.uvit.motion import motion_magnitude
from reel2sim.generation.uvit.prompts import DEFAULT, random_prompt
from reel2sim.generation.uvit.sample import check_layout, read_sample, sample_files, write_sample
from reel2sim.generation.uvit.vocabulary import PAD, Vocabulary, pieces
from reel2sim.scene.errors import InputError, NotFoundError, PromptError, UsageError

CODE = Vocabulary.of(["a red box opens", "a blue box, slowly"])


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=12))
def test_any_text_comes_back_as_its_pieces(text):
    numbers = CODE.encode(text, 80)
    assert len(numbers) == 80
    assert all(0 <= n < len(CODE) for n in numbers)
    assert CODE.decode(numbers) == " ".join(pieces(text))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(CODE) - 1), max_size=30))
def test_any_numbers_are_some_text(numbers):
    assert isinstance(CODE.decode(numbers), str)


def test_known_words_are_one_number_and_long_prompts_are_refused():
    assert CODE.encode("A red box.", 6)[4:] != [PAD, PAD]
    assert CODE.encode("a red box", 4)[3] == PAD
    with pytest.raises(PromptError, match="has 7 tokens, the model reads 6"):
        CODE.encode("a box opens is", 6)
    with pytest.raises(InputError, match="distinct single words"):
        Vocabulary(("a", "a"))


def test_random_prompts_vary_and_say_one_thing_of_any_family_that_moves_in_its_place():
    from reel2sim.generation.scripted.families import FAMILIES
    from reel2sim.generation.scripted.resolve import parse_prompt

    found = {random_prompt(np.random.default_rng(k)) for k in range(100)}
    assert len(found) > 80
    assert {parse_prompt(prompt).things[0].family for prompt in found} == {*DEFAULT}
    for family in FAMILIES:
        text = random_prompt(np.random.default_rng(0), (family,), longest=44)
        scene = parse_prompt(text)
        (thing,) = scene.things
        assert (thing.family, thing.deed, scene.table) == (family, None, False)
        assert thing.movements
        assert len(pieces(text)) <= 44
    with pytest.raises(UsageError, match="no prompt of 5 tokens"):
        random_prompt(np.random.default_rng(0), longest=5)


def test_a_sample_comes_back(samples, layout, tmp_path):
    write_sample(samples[0], tmp_path / "a.npz")
    found = read_sample(tmp_path / "a.npz")
    assert np.array_equal(found.images, samples[0].images)
    assert np.array_equal(found.tracks, samples[0].tracks)
    assert (found.prompt, found.motion) == (samples[0].prompt, samples[0].motion)
    for a, b in zip(found.cameras, samples[0].cameras, strict=True):
        assert np.array_equal(a.T_world_camera, b.T_world_camera)
        assert (a.fx, a.cy) == (b.fx, b.cy)
    check_layout(found, layout, source="a")
    with pytest.raises(InputError, match="has 9 frames of 16×16"):
        check_layout(found, preset("tiny").layout, source="a")
    write_sample(found, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_what_is_no_sample_is_refused(samples, tmp_path):
    path = tmp_path / "a.npz"
    for content in (b"", b"PK\x03\x04 no", b"\x80\x04\x95pickle"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a sample"):
            read_sample(path)
    np.savez(path, images=np.array([{"an": "object"}], dtype=object))
    with pytest.raises(InputError, match="is not a sample"):
        read_sample(path)


def test_motion_magnitude_is_that_of_the_object_alone(samples, layout):
    images = samples[0].images.copy()
    assert motion_magnitude(images, layout) > 0
    images[: layout.first_front] = 0  # other streams, whose cameras move, have no say
    assert motion_magnitude(images, layout) == samples[0].motion
    images[layout.first_front :] = images[layout.first_front]
    assert motion_magnitude(images, layout) == 0
    black, white = np.zeros_like(images), np.zeros_like(images)
    white[layout.first_front + 1 :] = 255
    assert motion_magnitude(black, layout) == 0
    assert motion_magnitude(white, layout) == 1
    assert motion_magnitude(white / 255.0, layout) == 1


def test_scripted_films_are_samples_with_paths_of_what_moves(tmp_path, layout):
    made = film("a laptop, the lid opens", layout, seed=1)
    check_layout(made, layout, source="film")
    still = film("a laptop, the lid opens slightly", layout, seed=1)
    assert made.motion > still.motion > 0
    assert len(made.tracks)
    assert (np.abs(made.tracks) < 1).all()
    # Paths start on the object, as the front camera sees it.
    first = made.images[layout.first_front, ..., 3]
    places = ((made.tracks[:, 0] + 1) / 2 * layout.size).astype(int)
    assert (first[places[:, 1], places[:, 0]] > 0).mean() > 0.9
    assert len(still.tracks) == 0 or np.ptp(still.tracks, 1).max() < np.ptp(made.tracks, 1).max()


def test_data_go_on_and_say_which_prompts_are_refused(tmp_path, layout):
    prompts = ("a laptop", "a unicorn")
    made = make_data(tmp_path, count=2, layout=layout, prompts=prompts)
    assert (made.samples, made.made, len(made.refused)) == (1, 1, 1)
    assert "unicorn" in made.refused[0]
    before = (tmp_path / "samples" / "000000.npz").read_bytes()
    again = make_data(tmp_path, count=3, layout=layout, prompts=prompts)
    assert (again.samples, again.made) == (2, 1)
    assert (tmp_path / "samples" / "000000.npz").read_bytes() == before
    with pytest.raises(UsageError, match="'unicorn'"):
        make_data(tmp_path, count=3, layout=layout, families=("unicorn",))
    with pytest.raises(NotFoundError, match="holds no samples"):
        sample_files(tmp_path / "samples")


def test_facts_come_back_and_magnitudes_round(samples, layout):
    facts = Facts.of(samples, layout)
    record = json.loads(json.dumps(facts.record()))
    assert Facts.from_record(record, layout, source="x") == facts
    for sample in samples:
        level = facts.standardised(sample.motion)
        assert abs(level) <= MOST
        assert facts.magnitude(level) == pytest.approx(sample.motion)
    assert facts.standardised(0.0) == -MOST
    rig = facts.cameras(layout)
    assert any(np.array_equal(rig[1].T_world_camera, s.cameras[1].T_world_camera) for s in samples)
    for name, value in (("rig", [[1.0]]), ("motion_deviation", 0), ("words", ["a b"])):
        with pytest.raises(InputError, match="facts"):
            Facts.from_record({**record, name: value}, layout, source="x")


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 9), batch=st.integers(1, 7), seed=st.integers(0, 5))
def test_every_sample_is_seen_once_an_epoch(count, batch, seed):
    steps = -(-3 * count // batch)
    seen = torch.cat([chosen(count, batch, step, seed) for step in range(steps)])
    for epoch in range(3):
        assert sorted(seen[epoch * count : (epoch + 1) * count].tolist()) == list(range(count))


@pytest.fixture(scope="module")
def cleaned(samples, config):
    g = torch.Generator().manual_seed(0)
    video = torch.randn(len(samples), config.layout.frames, 4, 4, 4, generator=g)
    return clean(samples, video, Facts.of(samples, config.layout), config)


def test_a_step_draws_the_same_whenever_it_is_asked(cleaned, config):
    one, again, other = (draw_batch(cleaned, config, step) for step in (7, 7, 8))
    for name in one.__dataclass_fields__:
        assert torch.equal(getattr(one, name), getattr(again, name))
    assert not torch.equal(one.noise_video, other.noise_video)


def test_batches_are_what_they_say(cleaned, config):
    layout = config.layout
    front = layout.first_front
    stilled = 0
    for step in range(40):
        batch = draw_batch(cleaned, replace(config, batch=6), step)
        still = batch.times.amax(1) == 0
        stilled += int(still.sum())
        assert not batch.drawn[still].any()
        assert (batch.motion[still] == -MOST).all()
        # Still films: the front view does not change, the moving orbit is of the still one.
        assert torch.equal(batch.video[still][:, front:], batch.video[still][:, front:][:, [0] * 3])
        for video, rays in zip(batch.video[still], batch.rays[still], strict=True):
            for k in range(layout.static, front):
                here = (video[: layout.static] == video[k]).flatten(1).all(1)
                assert here.any()
                assert torch.equal(rays[int(here.int().argmax())], rays[k])
        assert (batch.given.sum(1) < layout.frames).all()
        assert ((batch.clocks >= 0) & (batch.clocks <= 1)).all()
    assert 0 < stilled < 80


def test_clocks_leave_something_to_predict_and_cover_all_tasks():
    clocks = draw_clocks(4000, generator(0, 9))
    video, text, _, tracks, reference = clocks.unbind(1)
    running = (clocks[:, :3] > 0) & (clocks[:, :3] < 1)
    assert running.any(1).all()
    tasks = {
        "text to video": running[:, 0] & (text == 0),
        "video alone": running[:, 0] & (text == 1),
        "video to text": (video == 0) & running[:, 1],
        "both": running[:, 0] & running[:, 1],
        "video to magnitude": (video == 0) & running[:, 2],
    }
    for name, rows in tasks.items():
        assert rows.float().mean() > 0.01, name
    assert {*reference.tolist()} == {0.0, 1.0}
    assert ((tracks > 0) & (tracks < 1)).any()


@pytest.mark.parametrize("name", ["tiny", "small", "base"])
def test_configurations_come_back_and_faults_are_named(name):
    record = json.loads(json.dumps(asdict(preset(name))))
    assert from_record(TrainConfig, record, source="x") == preset(name)
    record["model"]["depth"] = 4
    with pytest.raises(InputError, match=r"x: ModelConfig.depth: is out of range"):
        from_record(TrainConfig, record, source="x")
    record["model"] = {**record["model"], "depth": 5, "eval": "x"}
    with pytest.raises(InputError, match=r"ModelConfig.eval: is unknown"):
        from_record(TrainConfig, record, source="x")
    with pytest.raises(UsageError, match="choose one of tiny, small, base"):
        preset("huge")


def test_listing_backends_loads_neither_torch_nor_safetensors():
    code = (
        "import sys; from reel2sim.generation import backends; "
        "assert 'uvit' in backends(); print({'torch', 'safetensors'} & {*sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"

import json
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from reel2sim.cli.main import main
from reel2sim.generation import GenerationConfig, UViTBackend, backend_digest, generate
from reel2sim.generation.uvit.autoencoder import as_images, as_pictures, encode_all, standardise
from reel2sim.generation.uvit.checkpoint import build, load_model, save_model
from reel2sim.generation.uvit.data import clean, draw_batch
from reel2sim.generation.uvit.evaluate import EvaluationConfig, evaluate
from reel2sim.generation.uvit.facts import Facts
from reel2sim.generation.uvit.learner import Learner
from reel2sim.generation.uvit.objective import FlowObjective, Shares, total
from reel2sim.generation.uvit.sampler import Request, caption, sample
from reel2sim.generation.uvit.trainer import MODEL_FILE, train
from reel2sim.reconstruction.device import reproducible
from reel2sim.scene.errors import ConflictError, InputError, MissingDependencyError, UsageError


@pytest.fixture(scope="module")
def run(data, config, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "whole"
    result = train(data, out, config, device="cpu")
    assert result.finished
    return out


def weights(folder):
    return load_file(folder / MODEL_FILE)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_stopped_run_goes_on_with_the_same_bits(run, data, config, tmp_path):
    first = replace(config, autoencoder_steps=2)
    assert train(data, tmp_path / "r", first, device="cpu", minutes=0).finished is False
    with pytest.raises(ConflictError, match="go on with --resume"):
        train(data, tmp_path / "r", config, device="cpu")
    with pytest.raises(ConflictError, match="is the state of another run"):
        train(data, tmp_path / "r", replace(config, seed=1), device="cpu", resume=True)
    for _ in range(2):  # stops after each step
        train(data, tmp_path / "r", config, device="cpu", resume=True, minutes=0)
    result = train(data, tmp_path / "r", config, device="cpu", resume=True)
    assert (result.finished, result.steps) == (True, config.steps)
    assert same(weights(run), weights(tmp_path / "r"))
    one, other = ((f / "flow_state.safetensors").read_bytes() for f in (run, tmp_path / "r"))
    assert one == other
    for name in ("curve.png", "progress.csv", "config.json", "samples-0000004.png"):
        assert (run / name).stat().st_size > 0
    rows = (tmp_path / "r" / "progress.csv").read_text().splitlines()
    assert len(rows) == 1 + config.autoencoder_steps + config.steps


SCRIPT = """
import json, sys
from pathlib import Path

import torch

from reel2sim.generation.uvit import TrainConfig
from reel2sim.generation.uvit.config import from_record
from reel2sim.generation.uvit.trainer import train

torch.set_num_threads(1)
data, out, settings = map(Path, sys.argv[1:])
config = from_record(TrainConfig, json.loads(settings.read_text()), source=settings)
train(data, out, config, device="cpu")
"""


def test_two_processes_learn_what_one_does(run, data, config, tmp_path):
    settings, script = tmp_path / "settings.json", tmp_path / "script.py"
    settings.write_text(json.dumps(asdict(config)))
    script.write_text(SCRIPT)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [script, data, tmp_path / "two", settings]
    done = subprocess.run([*launch, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    one, two = weights(run), weights(tmp_path / "two")
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        # Sums of gradients in another order, which Adam's division makes larger where they are ~0.
        torch.testing.assert_close(two[name], tensor, atol=3e-4, rtol=1e-3, msg=name)


def test_one_sample_is_learnt_by_heart(samples, config):
    """The loss of one film under one set of noise falls far below that of knowing nothing."""
    config = replace(config, batch=4, learning_rate=3e-3, warmup=5, clip=1.0)
    one = samples[:1]
    facts = Facts.of(one, config.layout)
    torch.manual_seed(0)
    model = build(config.layout, config.autoencoder, config.model, facts)
    images = torch.from_numpy(one[0].images)
    standardise(model.autoencoder, images)
    video = encode_all(model.autoencoder, images)[None]
    data = clean(one, video, facts, config)
    learner = Learner(model.uvit.requires_grad_(True), config, 100)
    objective = FlowObjective(model.uvit, config)
    losses = []
    with reproducible(torch.device("cpu")):
        for step in range(100):
            batch = draw_batch(data, config, step)
            terms = objective(batch, Shares.of(batch), 1)
            learner.learn(total(terms))
            losses.append({name: float(term.detach()) for name, term in terms.items()})
    begin, end = losses[:5], losses[-15:]
    for name, bound in (("video", 0.6), ("text", 0.1)):
        before = np.mean([row[name] for row in begin if row[name]])
        after = np.mean([row[name] for row in end if row[name]])
        assert after < bound * before, (name, before, after)


def test_half_precision_gives_nearly_the_same_loss(samples, config):
    facts = Facts.of(samples, config.layout)
    torch.manual_seed(0)
    model = build(config.layout, config.autoencoder, config.model, facts)
    data = clean(samples, torch.randn(6, 9, 4, 4, 4), facts, config)
    objective, batch = FlowObjective(model.uvit, config), draw_batch(data, config, 0)
    whole = objective(batch, Shares.of(batch), 1)
    with torch.autocast("cpu", torch.bfloat16):
        half = objective(batch, Shares.of(batch), 1)
    for name, term in whole.items():
        torch.testing.assert_close(half[name], term, rtol=0.02, atol=0.01, msg=name)


def test_a_model_comes_back_and_half_precision_halves_it(run, tmp_path):
    model = load_model(run / MODEL_FILE)
    save_model(model, tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (run / MODEL_FILE).read_bytes()
    save_model(model, tmp_path / "b.safetensors", half=True)
    small = load_model(tmp_path / "b.safetensors")
    sizes = [(tmp_path / f"{x}.safetensors").stat().st_size for x in "ab"]
    assert sizes[1] < 0.7 * sizes[0]
    for name, tensor in model.uvit.state_dict().items():
        torch.testing.assert_close(small.uvit.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)


class _Evil:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/reel2sim-must-not-exist"),))


def test_no_file_can_run_or_break_anything(run, tmp_path):
    good = (run / MODEL_FILE).read_bytes()
    path = tmp_path / "m.safetensors"
    tensors, length = weights(run), int.from_bytes(good[:8], "little")
    record = json.loads(json.loads(good[8 : 8 + length])["__metadata__"]["record"])

    def refused(match):
        with pytest.raises(InputError, match=match):
            load_model(path)

    path.write_bytes(pickle.dumps(_Evil()))
    refused("is not a safetensors file")
    assert not Path("/tmp/reel2sim-must-not-exist").exists()
    torch.save({"a": torch.ones(2)}, path)
    refused("is not a safetensors file")
    for content in (b"", good[:100], good[:-7], (2**62).to_bytes(8, "little") + good[8:]):
        path.write_bytes(content)
        refused("is not a safetensors file")

    def written(change=lambda record: None, **changed):
        new = json.loads(json.dumps(record))
        change(new)
        save_file({**tensors, **changed}, path, metadata={"record": json.dumps(new)})

    save_file(tensors, path)
    refused("is not a reel2sim-uvit file")
    written(lambda r: r.update(version=99))
    refused("has version 99")
    written(lambda r: r["model"].update(width=4096, heads=1))
    refused("has fewer weights than its configuration says")
    written(lambda r: r["model"].update(depth="__import__('os')"))
    refused("ModelConfig.depth: has the value")
    written(lambda r: r["facts"].update(words=[]))
    refused("has shape")
    written(**{"uvit.given": torch.full((32,), float("nan"))})
    refused("uvit.given: is not finite")
    written(**{"uvit.extra": torch.ones(1)})
    refused("extra: is unknown")
    with pytest.raises(InputError, match="is not a file"):
        load_model(tmp_path / "none.safetensors")


@pytest.fixture(scope="module")
def model(run):
    return load_model(run / MODEL_FILE)


def test_the_same_request_gives_the_same_bits(model):
    request = Request(prompt="a red box", steps=3, text_scale=2.0, motion_scale=1.5, motion=0.01)
    one, again = sample(model, request), sample(model, request)
    other = sample(model, replace(request, seed=1))
    assert np.array_equal(one.images, again.images)
    assert not np.array_equal(one.images, other.images)
    assert one.images.shape == (9, 16, 16, 4)
    assert one.times_s.max() == 2.0


def test_what_is_given_stays_and_has_a_say(model, samples):
    true = samples[5]
    base = Request(steps=3, cameras=true.cameras, write=True)
    given = sample(model, replace(base, frames={6: true.images[6], 8: true.images[8]}))
    free = sample(model, base)
    assert np.array_equal(given.images[[6, 8]], true.images[[6, 8]])
    for change in (
        {"frames": {6: true.images[6]}}, {"reference": true.images[0]},
        {"tracks": true.tracks[:2]}, {"motion": 0.2},
        {"cameras": true.cameras[1:] + true.cameras[:1]},
        {"write": False, "prompt": "a red box"}, {"times": np.linspace(0, 1, 9)},
    ):  # fmt: skip
        assert not np.array_equal(sample(model, replace(base, **change)).images, free.images)
    assert isinstance(caption(model, true, steps=2), str)


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({"steps": 0}, "steps"), ({"frames": {9: None}}, "frames"), ({"cameras": ()}, None),
        ({"times": np.full(9, 2.0)}, "times"), ({"tracks": np.zeros((3, 3, 2))}, "tracks"),
        ({"tracks": np.zeros((1, 4, 2))}, "tracks"), ({"motion": -1.0}, "motion"),
        ({"reference": np.zeros((8, 8, 4))}, "picture"), ({"prompt": "a", "write": True}, "write"),
        ({"cameras": (None,)}, "cameras"),
    ],
)  # fmt: skip
def test_faulty_requests_are_named(model, fault, field):
    if field is None:  # no cameras at all are those of a typical sample
        assert len(sample(model, Request(steps=1, **fault)).cameras) == 9
        return
    with pytest.raises((UsageError, InputError), match=field):
        sample(model, Request(**{"steps": 1, **fault}))


def test_pictures_and_numbers_round():
    images = torch.randint(0, 256, (2, 4, 4, 4), dtype=torch.uint8)
    assert torch.equal(as_images(as_pictures(images)), images)


def test_evaluation_gives_all_figures(model, samples):
    config = EvaluationConfig(samples=2, steps=2, levels=3, fits=0, timed=(1, 2))
    found = evaluate(model, samples, config)
    assert found["autoencoder"]["full_db"] > 0
    assert -1 <= found["motion"]["spearman"] <= 1
    assert 0 <= found["captions"]["words_right"] <= 1
    assert 0 < found["captions"]["chance"] <= 1
    assert [row["steps"] for row in found["seconds"]] == [1, 2]
    json.dumps(found)


def test_the_backend_makes_reels_and_needs_weights(run, monkeypatch):
    monkeypatch.setenv("REEL2SIM_UVIT", str(run / "none"))
    with pytest.raises(MissingDependencyError, match="generator train"):
        generate("a red box", backend="uvit")
    path = run / MODEL_FILE
    monkeypatch.setenv("REEL2SIM_UVIT", str(path))
    assert len(backend_digest("uvit")) == 64
    assert backend_digest("scripted") == ""
    made = UViTBackend(path, steps=2).generate(
        "a red box", config=GenerationConfig(seconds=3.0), progress=lambda *a, **k: None
    )
    assert {name: len(frames) for name, frames in made.reel.streams.items()} == {
        "static": 3, "orbit": 3, "front": 3
    }  # fmt: skip
    assert made.reel.calibrated
    assert made.reel.masked
    assert made.reel.times_s[-1] == 3.0


def test_commands_reach_all_this(run, data, config, tmp_path, capsys):
    path = str(run / MODEL_FILE)
    out = tmp_path / "capture"
    assert main(["generator", "sample", path, "--out", str(out), "--steps", "2", "--quiet"]) == 0
    assert (out / "transforms.json").is_file()
    assert (out / "sheet.png").is_file()
    again = tmp_path / "again"
    picture = str(out / "images" / "front" / "0000.png")
    asked = ["--like", str(out), "--first", picture, "--prompt", "a red box", "--quiet"]
    assert main(["generator", "sample", path, "--out", str(again), "--steps", "2", *asked]) == 0
    assert main(["generator", "sample", path, "--describe", str(out), "--steps", "2"]) == 0
    report = tmp_path / "figures.json"
    arguments = ["--samples", "2", "--steps", "2", "--fits", "0", "--levels", "0"]
    assert main(["generator", "eval", path, str(data), *arguments, "--out", str(report)]) == 0
    assert "captions" in json.loads(report.read_text())
    capsys.readouterr()
    settings = ["--set", "model.skips=maybe"]
    assert main(["generator", "train", str(data), "--out", str(tmp_path / "x"), *settings]) == 65
    assert "ModelConfig.skips: has the value 'maybe'" in capsys.readouterr().err
    assert main(["generator", "data", str(tmp_path / "d"), "--families", "unicorn"]) == 2

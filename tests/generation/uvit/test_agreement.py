"""Whether films show what is asked, and what a model's card says."""

import json
from dataclasses import replace

import numpy as np
import pytest

from reel2sim.cli.main import main
from reel2sim.generation.uvit.agreement import FACETS, agreement, said
from reel2sim.generation.uvit.checkpoint import build, load_model, save_model
from reel2sim.generation.uvit.facts import Facts
from reel2sim.scene.errors import PromptError

_SHOWN = {
    "a red metal chest, the lid opens": ((2, 10), (180, 40, 40), 2),
    "a blue metal chest, the lid closes": ((2, 10), (40, 60, 180), -2),
    "a red metal garage, the door opens and closes": ((0, 5), (180, 40, 40), 1),
    "a green metal fan, the blades spin": ((8, 16), (40, 150, 60), 3),
}


def film(like, prompt, rng):
    """A bar of a place, colour and way of its prompt's own, and some noise."""
    (top, bottom), colour, way = _SHOWN[prompt]
    images = np.full_like(like.images, 255)
    images[..., 3] = 0
    for image, t in zip(images, like.times_s, strict=True):
        left = 5 + int(way * t)
        noise = rng.integers(-10, 10, (bottom - top, 5, 3))
        image[top:bottom, left : left + 5, :3] = np.asarray(colour) + noise
        image[top:bottom, left : left + 5, 3] = 255
    return replace(like, images=images, prompt=prompt)


def test_prompts_say_what_they_ask_for():
    one = said("a red metal fridge with two doors and a drawer, the first drawer closes")
    assert (one.family, one.joints, one.movement) == ("fridge", "1 prismatic, 2 revolute", "closes")
    assert one.colour
    assert said("a chest, the lid opens and closes").movement == "returns"
    assert said("a chest, the lid opens").colour == ""
    with pytest.raises(PromptError):
        said("a unicorn")


def test_films_agree_with_their_own_prompts_and_not_with_others(samples, layout):
    rng = np.random.default_rng(0)
    prompts = [*_SHOWN] * 3
    films = [film(samples[0], prompt, rng) for prompt in prompts]
    known = [film(samples[0], prompt, rng) for prompt in [*_SHOWN] * 6]
    right = agreement(films, prompts, known, layout)
    assert {facet: right[facet]["right"] for facet in FACETS} == dict.fromkeys(FACETS, 1.0)
    order = rng.permutation(len(prompts))
    shuffled = agreement(films, [prompts[i] for i in order], known, layout)
    for facet in FACETS:
        assert 0.2 < right[facet]["chance"] < 0.5
        assert shuffled[facet]["chance"] == pytest.approx(right[facet]["chance"])
        assert shuffled[facet]["right"] < 1.0
    # Captions of what is shown are not looked at.
    blind = [replace(one, prompt="") for one in films]
    assert agreement(blind, prompts, known, layout) == right


def test_a_model_is_packed_with_its_card(samples, data, config, tmp_path, capsys):
    model = build(
        config.layout, config.autoencoder, config.model, Facts.of(samples[:4], config.layout)
    )
    save_model(replace(model, card={"steps": 7}), tmp_path / "m.safetensors")
    figures = {
        "autoencoder": {"full_db": 20.5},
        "motion": {"spearman": 0.25, "within": 0.5, "asked": []},
    }
    (tmp_path / "f.json").write_text(json.dumps(figures))
    path, out = str(tmp_path / "m.safetensors"), tmp_path / "small.safetensors"
    arguments = [
        path,
        str(data),
        "--figures",
        str(tmp_path / "f.json"),
        "--note",
        "knows boxes only",
    ]
    assert main(["generator", "pack", *arguments, "--out", str(out), "--quiet"]) == 0
    assert out.stat().st_size < 0.6 * (tmp_path / "m.safetensors").stat().st_size
    card = load_model(out).card
    assert (card["steps"], card["data"]["samples"], card["data"]["held_out"]) == (7, 4, 2)
    assert card["data"]["held_out_prompts_seen"] == 2
    assert card["figures"]["motion"] == {"spearman": 0.25, "within": 0.5}
    assert card["limits"][-1] == "knows boxes only"
    capsys.readouterr()
    assert main(["generator", "card", str(out)]) == 0
    told = capsys.readouterr().out
    assert all(text in told for text in ("steps: 7", "spearman 0.25", "knows boxes only", "16×16"))
    (tmp_path / "f.json").write_text("[]")
    assert main(["generator", "pack", *arguments, "--out", str(out), "--quiet"]) == 65

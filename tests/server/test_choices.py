"""What a generator is asked arrives at a server as it was asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel2sim.client import Client
from reel2sim.generation import Controls, GenerationConfig, generate
from reel2sim.generation.setting import Background, Lighting, Setting
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.stages import reel_digest
from reel2sim.scene.errors import UsageError
from reel2sim.transport.choices import (
    SENT_CONTROLS,
    SENT_PICTURES,
    job_config,
    pictures_of,
    pipeline_config,
)
from reel2sim.v1 import common_pb2

STANDARD = "reel2sim.server.jobs:run_job"

settings_ = st.builds(
    Setting,
    background=st.sampled_from(get_args(Background)),
    lighting=st.sampled_from(get_args(Lighting)),
    sensor=st.sampled_from(["none", "phone", "shutter=0.5,jpeg=50"]),
)
controls_ = st.builds(
    Controls,
    negative_prompt=st.text(max_size=20),
    orbit=st.booleans(),
    steps=st.none() | st.integers(1, 1000),
    guidance=st.none() | st.floats(0, 100),
    motion=st.none() | st.floats(0, 1),
    fps=st.none() | st.floats(0.1, 240),
    frames=st.none() | st.integers(2, 10_000),
    width=st.none() | st.integers(16, 8192),
    height=st.none() | st.integers(16, 8192),
    window=st.none() | st.integers(2, 10_000),
    overlap=st.none() | st.integers(1, 1000),
    interpolate=st.none() | st.integers(2, 16),
    upscale=st.none() | st.integers(2, 8),
)


@given(settings_, controls_)
def test_place_and_controls_come_back(setting: Setting, controls: Controls) -> None:
    message = job_config(PipelineConfig(setting=setting, controls=controls))
    wired = common_pb2.JobConfig.FromString(message.SerializeToString())
    back = pipeline_config(wired)
    assert back.setting == setting
    assert (back.controls or Controls()) == controls


digests_ = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(controls_, st.dictionaries(st.sampled_from(SENT_PICTURES), digests_))
def test_pictures_come_back_as_the_files_of_their_digests(
    controls: Controls, digests: dict[str, str]
) -> None:
    asked = replace(controls, **{name: f"here/{digest}" for name, digest in digests.items()})
    sent = {name: common_pb2.ArtifactRef(digest=digest) for name, digest in digests.items()}
    message = job_config(PipelineConfig(controls=asked), sent)
    wired = common_pb2.JobConfig.FromString(message.SerializeToString())
    named = pictures_of(wired.generation)
    assert {name: reference.digest for name, reference in named.items()} == digests
    there = {name: Path("there") / reference.digest for name, reference in named.items()}
    back = pipeline_config(wired, there).controls or Controls()
    assert back == replace(controls, **{name: str(path) for name, path in there.items()})


def test_every_control_is_sent_or_names_something_of_this_machine() -> None:
    message = common_pb2.GenerationOptions.DESCRIPTOR.fields_by_name
    assert {*SENT_CONTROLS} <= {*message}
    sent = {*SENT_CONTROLS, *SENT_PICTURES}
    assert {*message} - sent == {"background", "lighting", "sensor"}
    own = (
        Controls(model="x"), Controls(first_frame="x"), Controls(last_frame="x"),
        Controls(video="x"), Controls(server="x"),
    )  # fmt: skip
    for controls in own:
        with pytest.raises(UsageError, match=controls.given()[0]):
            job_config(PipelineConfig(controls=controls))


def test_nothing_asked_is_nothing_sent() -> None:
    message = job_config(PipelineConfig())
    assert not message.HasField("generation")
    assert (pipeline_config(message).setting, pipeline_config(message).controls) == (None, None)


def test_a_server_films_where_and_as_often_as_asked(tmp_path, start_server) -> None:
    asked = GenerationConfig(
        seed=3,
        size=32,
        setting=Setting(background="floor", lighting="evening"),
        controls=Controls(frames=3),
    )
    local = generate("a drawer that slides out", config=asked).reel
    assert len(local.streams["front"]) == 3
    with start_server(tmp_path / "data", runner=STANDARD) as address:
        there = Controls(server=address, server_backend="scripted", frames=3)
        served = generate(
            "a drawer that slides out", backend="server", config=replace(asked, controls=there)
        ).reel
        with Client(address) as client, pytest.raises(UsageError, match="no such control"):
            client.run(
                prompt="a drawer that slides out",
                out=tmp_path / "bundle",
                generation=common_pb2.GenerationOptions(steps=4),
            )
    assert reel_digest(served) == reel_digest(local)

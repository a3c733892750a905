"""What the object is made of, from a choice or from the prompt, reaches the bodies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reel2sim.pipeline import PipelineConfig, run
from reel2sim.pipeline.toolchain import standard_toolchain
from reel2sim.scene.errors import UsageError

from .conftest import Workshop


def test_material_and_density_reach_the_bodies() -> None:
    settings = standard_toolchain().rigging.settings
    chosen = settings(PipelineConfig(material="steel", density=1234.0))
    assert (chosen.physics.material, chosen.physics.density) == ("steel", 1234.0)
    assert settings(PipelineConfig()) == settings(PipelineConfig(material="plastic"))
    with pytest.raises(UsageError, match="not a known material"):
        settings(PipelineConfig(material="cheese"))
    with pytest.raises(UsageError, match="not positive"):
        settings(PipelineConfig(density=-1.0))


@pytest.mark.parametrize(
    ("chosen", "told"), [("", "wood"), ("glass", "glass")], ids=["from the prompt", "chosen"]
)
def test_a_prompt_tells_the_material_unless_one_is_chosen(
    workshop: Workshop, tmp_path, chosen, told
) -> None:
    tools = workshop.toolchain()
    asked: list[str] = []

    def settings(config: PipelineConfig):
        asked.append(config.material)
        return tools.rigging.settings(config)

    noting = replace(tools, rigging=replace(tools.rigging, settings=settings))
    config = PipelineConfig(material=chosen)
    run(None, tmp_path / "out", prompt="a wooden box", config=config, toolchain=noting)
    assert set(asked) == {told}

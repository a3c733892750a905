"""The chain from a prompt or a reel to a bundle: stages, their cache, resume and progress.

>>> from reel2sim.pipeline import PipelineConfig, run
>>> result = run(Path("capture"), Path("bundle"), config=PipelineConfig(preset="draft"))
"""

from reel2sim.pipeline.cache import Cache, default_cache_folder
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.run import PipelineResult, run
from reel2sim.pipeline.runner import StageRun
from reel2sim.pipeline.stages import Stage
from reel2sim.pipeline.toolchain import Toolchain, standard_toolchain

__all__ = [
    "Cache",
    "PipelineConfig",
    "PipelineResult",
    "Stage",
    "StageRun",
    "Toolchain",
    "default_cache_folder",
    "run",
    "standard_toolchain",
]

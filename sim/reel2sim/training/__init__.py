"""Training policies in the environments of bundles; needs ``pip install 'reel2sim[train]'``.

::

    from reel2sim.training import TrainConfig, train

    result = train(TrainConfig(bundle="bundle", task="open-joint", out="runs/open"))

Importing this package loads neither torch nor Stable-Baselines3; training does.
"""

from reel2sim.training.config import TrainConfig
from reel2sim.training.evaluation import Evaluation, Policy, baselines, evaluate
from reel2sim.training.policy import load_policy
from reel2sim.training.run import TrainResult, train
from reel2sim.training.tasks import TASKS, environment_of

__all__ = [
    "TASKS",
    "Evaluation",
    "Policy",
    "TrainConfig",
    "TrainResult",
    "baselines",
    "environment_of",
    "evaluate",
    "load_policy",
    "train",
]

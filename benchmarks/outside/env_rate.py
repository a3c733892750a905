"""Steps a processor second of one Gymnasium environment under random actions.

Runs where the environment is installed: ``env_rate.py REPORT MODULES ID OPTIONS SECONDS``; MODULES,
separated by commas, register it, OPTIONS are JSON. Resets between episodes are not counted. Of a
quarter of the steps each takes less than ``quick_step_s``: other work on the machine disturbs that
less than the mean.
"""

import importlib
import json
import sys
import time
from pathlib import Path

import gymnasium


def main(report: str, modules: str, name: str, options: str, seconds: str) -> None:
    for module in modules.split(","):
        gymnasium.register_envs(importlib.import_module(module))
    env = gymnasium.make(name, **json.loads(options))
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(256)]
    spent: list[float] = []
    total = 0.0
    while total < float(seconds):
        start = time.process_time()
        _, _, terminated, truncated, _ = env.step(actions[len(spent) % 256])
        spent.append(time.process_time() - start)
        total += spent[-1]
        if terminated or truncated:
            env.reset()
    env.close()
    found = {"steps_per_s": len(spent) / total, "quick_step_s": sorted(spent)[len(spent) // 4]}
    Path(report).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

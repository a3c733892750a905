"""An environment that is cheap to make and says all sorts of things."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

DOOMED = -1
"""After how many steps an environment ends its process."""


class Odd(gymnasium.Env):
    """Cheap, with nested observations, and infos of every type that come and go."""

    observation_space = spaces.Dict(
        {
            "image": spaces.Box(0, 255, (2, 3), np.uint8),
            "inner": spaces.Dict({"x": spaces.Box(-9, 9, (2,)), "n": spaces.Discrete(5)}),
        }
    )
    action_space = spaces.Box(-2.0, 2.0, (2,), np.float64)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 7}  # noqa: RUF012
    render_mode = "rgb_array"

    def _look(self) -> tuple[Any, dict[str, Any]]:
        rng = self.np_random
        seen = {
            "image": rng.integers(0, 255, (2, 3), np.uint8),
            "inner": {"x": self.x.astype(np.float32), "n": np.int64(rng.integers(5))},
        }
        every = {
            "float": float(self.x[0]),
            "int": int(self.steps),
            "flag": bool(self.x[0] > 0),
            "scalar": np.float32(self.x[1]),
            "array": self.x.copy(),
            "text": f"{self.steps}",
            "inner": {"a": 1.5, "deep": {"b": np.arange(3)}},
            "nothing": None,
        }
        names = rng.permutation(list(every))[: rng.integers(0, len(every) + 1)]
        # Alike at times, so that some processes say the same sort of things and others do not.
        names = ["float", "flag", "array", "scalar"] if self.steps % 3 else names
        return seen, {name: every[name] for name in names}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.steps = self.np_random.normal(size=2), 0
        if options:
            self.x += options["shift"]
        return self._look()

    def step(self, action):
        if self.steps == DOOMED:
            time.sleep(0.01)  # whoever waits has fallen asleep
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps += 1
        self.x = self.x + 0.1 * np.asarray(action, np.float64)
        over = bool(self.np_random.random() < 0.2)
        return (*self._split(), over, bool(self.steps > 4), self._last)

    def _split(self):
        seen, self._last = self._look()
        return seen, float(self.x.sum())

    def render(self):
        return np.full((2, 2, 3), self.steps, np.uint8)

    def misbehave(self, how: str):
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ZeroDivisionError(how)

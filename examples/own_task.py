"""A task of your own: hold a joint just open, quietly.

python examples/own_task.py bundle
"""

import sys

import numpy as np

from reel2sim.envs import SceneEnv, State


class KeepAjar(SceneEnv):
    """Hold the first driven joint at a tenth of its range."""

    def reward(self, state: State) -> float:
        act, joint = self.actuation, self.actuation.driven[0]
        wanted = act.center[0] - 0.8 * act.half[0]
        off = abs(state.q[joint] - wanted) / act.half[0]
        return float(np.exp(-10 * off) - 0.1 * abs(state.qd[joint]))

    def terminated(self, state: State) -> bool:
        return bool(np.abs(state.qd).max() > 20)


def main(bundle: str) -> None:
    env = KeepAjar(bundle, control="torque", episode_s=2.0)
    env.action_space.seed(0)
    _, _ = env.reset(seed=0)
    total, done, info = 0.0, False, {}
    while not done:
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        total, done = total + reward, terminated or truncated
    print(f"{env.joint_names[0]} ends at {info['q'][0]:.3f}, return {total:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])

"""Act in environments on a server: eight at once, one message for a step of them all.

reel2sim serve --data-dir data --address 127.0.0.1:50051
python examples/remote_env.py 127.0.0.1:50051 bundle
"""

import sys
import time

import numpy as np

from reel2sim.client import RemoteVectorEnv

STEPS = 200


def main(address: str, bundle: str) -> None:
    envs = RemoteVectorEnv(address, "Reel2Sim/OpenJoint-v0", num_envs=8, bundle=bundle)
    envs.action_space.seed(0)
    observations, _ = envs.reset(seed=0)
    returns, start = np.zeros(8), time.perf_counter()
    for _ in range(STEPS):
        # A drive towards the goal: shares of the range that are left, less the velocity.
        left = observations["desired_goal"] - observations["achieved_goal"]
        actions = np.clip(2 * left - 0.5 * observations["observation"][:, 1:], -1, 1)
        observations, rewards, _, _, infos = envs.step(actions)
        returns += rewards
    rate = 8 * STEPS / (time.perf_counter() - start)
    near = int(infos["is_success"].sum())
    envs.close()
    print(f"{rate:.0f} steps/s, {near} of 8 at their goal, mean return {returns.mean():.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Make an environment of a bundle and let the recovered motion drive it.

reel2sim run examples/drawer --out bundle
python examples/track_motion.py bundle
"""

import sys

import gymnasium

from reel2sim.envs import ReferencePolicy


def main(bundle: str) -> None:
    env = gymnasium.make("reel2sim.envs:Reel2Sim/TrackMotion-v0", bundle=bundle)
    policy = ReferencePolicy(env)
    observation, info = env.reset(seed=0)
    total, steps, done = 0.0, 0, False
    while not done:
        observation, reward, terminated, truncated, info = env.step(policy(observation))
        total, steps = total + float(reward), steps + 1
        done = terminated or truncated
    env.close()
    print(f"return {total:.1f} of at most {steps}")
    print(f"mean error {info['mean_tracking_error']:.2%} of the joints' ranges")
    assert info["is_success"], "the object does not follow its own motion"


if __name__ == "__main__":
    main(sys.argv[1])

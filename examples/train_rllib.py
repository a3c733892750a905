"""Train a bundle's environment with RLlib, on this machine or on a Ray cluster.

pip install 'ray[rllib]' torch
python examples/train_rllib.py bundle --iterations 20
python examples/train_rllib.py /shared/bundle --address auto --runners 32

On a cluster every machine needs Reel2Sim and the bundle at the same path.
"""

import argparse

import gymnasium
import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.tune import register_env


def make_env(options: dict) -> gymnasium.Env:
    """Called on every runner; RLlib's networks read flat observations."""
    env = gymnasium.make("reel2sim.envs:Reel2Sim/OpenJoint-v0", **options)
    return gymnasium.wrappers.FlattenObservation(env)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", help="bundle folder")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--runners", type=int, default=2, help="processes that step environments")
    parser.add_argument("--address", help="of a Ray cluster, such as auto; default: start one here")
    options = parser.parse_args()

    ray.init(address=options.address)
    register_env("open-joint", make_env)
    config = (
        PPOConfig()
        .environment("open-joint", env_config={"bundle": options.bundle})
        .env_runners(num_env_runners=options.runners, num_envs_per_env_runner=4)
        .training(gamma=0.9, lr=1e-3, train_batch_size_per_learner=2048, minibatch_size=128)
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[64, 64]))
    )
    algorithm = config.build_algo()
    for i in range(options.iterations):
        found = algorithm.train()["env_runners"]
        print(f"{i + 1}: return {found.get('episode_return_mean', float('nan')):.2f}", flush=True)
    print("saved in", algorithm.save_to_path())
    algorithm.stop()
    ray.shutdown()


if __name__ == "__main__":
    main()

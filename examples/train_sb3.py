"""Train a bundle's environment with plain Stable-Baselines3: no code of ours but the environment.

pip install 'reel2sim[train]'
python examples/train_sb3.py bundle
"""

import sys

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

ID = "reel2sim.envs:Reel2Sim/OpenJoint-v0"


def main(bundle: str, steps: int = 30_000) -> None:
    venv = VecMonitor(DummyVecEnv([lambda: gymnasium.make(ID, bundle=bundle)] * 4))
    settings = {"n_steps": 256, "batch_size": 64, "gamma": 0.9, "learning_rate": 1e-3}
    model = PPO("MultiInputPolicy", venv, **settings, seed=0, device="cpu", verbose=1)
    model.learn(steps)
    env = Monitor(gymnasium.make(ID, bundle=bundle))
    mean, deviation = evaluate_policy(model, env, n_eval_episodes=20)
    print(f"return {mean:.2f} ± {deviation:.2f}")
    model.save("open_joint")  # a zip that holds pickles: load only your own
    venv.close()
    env.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

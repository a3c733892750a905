"""Many environments at once, as a vector environment of Gymnasium over several processes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from reel2sim.envs.registration import register_envs
from reel2sim.parallel import Crew, vector_infos
from reel2sim.parallel.seeds import seeds_of
from reel2sim.scene.errors import UsageError


class ParallelVectorEnv(VectorEnv[Any, Any, Any]):
    """Environments over several processes, of which the calling one is the first.

    Bit by bit what ``gymnasium.vector.SyncVectorEnv`` gives, in less time: observations and rewards
    travel through shared memory, each process steps its whole share at one order, and what is said
    in ``info`` travels as a few arrays. Actions that are outside of their space are refused before
    anything moves. ``metadata["autoreset_mode"]`` is NEXT_STEP: the step after the last one of an
    episode resets, with reward 0.

    If a process dies, the call in progress raises an error and all others are ended.

    Args:
        env_fns: functions that make the environments; all must have the same spaces.
        processes: how many; None is one for each core.

    Raises:
        UsageError: if the environments cannot form a batch: Box actions, and observations of Box
            and Dict.
    """

    def __init__(
        self,
        env_fns: Sequence[Callable[[], gymnasium.Env[Any, Any]]],
        *,
        processes: int | None = None,
    ) -> None:
        self.closed = True  # until there is something to close
        self._crew = Crew(env_fns, processes=processes)
        self.closed = False
        self.num_envs = self._crew.num_envs
        self.metadata = {**self._crew.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}
        self.render_mode = self._crew.render_mode
        self.single_observation_space = self._crew.observation_space
        self.single_action_space = self._crew.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    @property
    def processes(self) -> int:
        """How many processes step environments, this one included."""
        return 1 + len(self._crew.pids)

    def reset(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes in all environments.

        Args:
            seed: of the first, those of the others are the numbers after it; or one for each.
            options: for each environment; ``"reset_mask"`` ``(n,)`` bool says which to reset.
        """
        rest = None if options is None else dict(options)
        only = None if rest is None else rest.pop("reset_mask", None)
        if only is not None and not (isinstance(only, np.ndarray) and only.any()):
            raise UsageError("is no array with a true value", source="options", field="reset_mask")
        columns = self._crew.reset(seeds_of(seed, self.num_envs), rest, only)
        return self._crew.observations(), vector_infos(columns, self.num_envs, self._add_info)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Take one action ``(n, …)`` in each environment.

        Raises:
            InputError: if an action is not in the action space; nothing has moved then.
        """
        crew = self._crew
        columns = crew.step(actions)
        infos = vector_infos(columns, self.num_envs, self._add_info)
        return crew.observations(), crew.rewards, crew.terminated, crew.truncated, infos

    def render(self) -> tuple[Any, ...]:
        """A picture of each environment."""
        return self.call("render")

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of each environment, or read an attribute."""
        return tuple(self._crew.call(name, *args, **kwargs))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Read an attribute of each environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of each environment, to one value or, by a list or tuple, its own."""
        every = values if isinstance(values, (list, tuple)) else [values] * self.num_envs
        self._crew.assign(name, every)

    @property
    def np_random_seed(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The seed of each environment."""
        return self.get_attr("np_random_seed")

    @property
    def np_random(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A copy of the generator of each environment."""
        return self.get_attr("np_random")

    def close_extras(self, **kwargs: Any) -> None:
        """End the processes and wait for them."""
        self._crew.close()


def make_parallel(
    id: str, num_envs: int = 1, *, processes: int | None = None, **options: Any
) -> ParallelVectorEnv:
    """The environment called ``id``, several times; what ``gymnasium.make_vec`` calls.

    Args:
        id: of a registered environment.
        num_envs: how many.
        processes: see :class:`ParallelVectorEnv`.
        **options: of the environment.
    """
    return ParallelVectorEnv([partial(_make, id, options)] * num_envs, processes=processes)


def __getattr__(name: str) -> Any:
    """The entry point of each id, such as ``OpenJoint_v0``.

    Gymnasium looks entry points up by name and does not tell them which id it wants.
    """
    id = f"Reel2Sim/{name.replace('_', '-')}"
    if id not in gymnasium.registry:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(make_parallel, id)


def _make(id: str, options: dict[str, Any]) -> gymnasium.Env[Any, Any]:
    register_envs()  # in the processes, too
    spec = copy.deepcopy(gymnasium.spec(id))
    spec.order_enforce = False  # the crew sees to that
    return gymnasium.make(spec, **{"disable_env_checker": True, **options})

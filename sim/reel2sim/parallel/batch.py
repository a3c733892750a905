"""Environments of one process, stepped one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from reel2sim.parallel.board import Board, Layout
from reel2sim.parallel.columns import Column, columns_of
from reel2sim.parallel.memory import Memory
from reel2sim.scene.errors import UsageError

Env = gymnasium.Env[Any, Any]
EnvFn = Callable[[], Env]


class Batch:
    """Environments of one process. :meth:`join` must come before any other call.

    Args:
        env_fns: functions that make the environments.
    """

    def __init__(self, env_fns: Sequence[EnvFn]) -> None:
        self.envs: list[Env] = []
        try:
            for make in env_fns:
                self.envs.append(make())
        except BaseException:
            self.close()
            raise

    def join(self, memory: Memory, start: int, like: tuple[Any, Any], *, autoreset: bool) -> None:
        """Work on the rows of ``memory`` from ``start`` on.

        Args:
            memory: what the crew shares.
            start: row of the first environment.
            like: observation and action space that all of the crew must have.
            autoreset: whether a step resets environments whose episode is over.

        Raises:
            UsageError: if an environment has other spaces.
        """
        count = len(self.envs)
        for i, env in enumerate(self.envs):
            if (env.observation_space, env.action_space) != like:
                raise UsageError(
                    "has other spaces than the first", source=f"environment {start + i}"
                )
        rows = slice(start, start + count)
        self._memory, self._rows, self._autoreset = memory, rows, autoreset
        self._keep = memory.writer(start)
        self._rewards = memory.rewards[rows]
        self._terminated, self._truncated = memory.terminated[rows], memory.truncated[rows]
        self._over = [False] * count
        self._board: Board | None = None

    def use_board(self, layout: Layout) -> None:
        """Write infos of that layout into the memory from now on."""
        self._board = Board(self._memory.spare, len(self._memory.rewards), layout)

    def reset(
        self,
        seeds: Sequence[int | None],
        options: dict[str, Any] | None,
        only: np.ndarray | None = None,
    ) -> tuple[Column, ...] | None:
        """Begin episodes; returns the columns of ``info``, None if they are on the board.

        Args:
            seeds: of each environment.
            options: for each.
            only: which to reset ``(n,)``, bool; None for all.
        """
        infos: list[dict[str, Any]] = [{} for _ in self.envs]
        for i, env in enumerate(self.envs):
            if only is None or only[i]:
                observation, infos[i] = env.reset(seed=seeds[i], options=options)
                self._keep(i, observation)
                self._terminated[i] = self._truncated[i] = self._over[i] = False
        return self._said(infos)

    def step(self, dtype: np.dtype[Any]) -> tuple[Column, ...] | None:
        """Take the actions of ``dtype`` that are in the memory; returns as :meth:`reset`."""
        actions = self._memory.actions(dtype)[self._rows]
        infos: list[dict[str, Any]] = []
        over, keep = self._over, self._keep
        for i, env in enumerate(self.envs):
            if over[i]:
                observation, info = env.reset()
                reward, terminated, truncated = 0.0, False, False
            else:
                observation, reward, terminated, truncated, info = env.step(actions[i])
            self._rewards[i] = reward
            self._terminated[i], self._truncated[i] = terminated, truncated
            over[i] = self._autoreset and bool(terminated or truncated)
            keep(i, observation)
            infos.append(info)
        return self._said(infos)

    def call(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """Call a method of each environment, or read an attribute."""
        found = (env.get_wrapper_attr(name) for env in self.envs)
        return [thing(*args, **kwargs) if callable(thing) else thing for thing in found]

    def assign(self, name: str, values: Sequence[Any]) -> None:
        """Set an attribute of each environment."""
        for env, value in zip(self.envs, values, strict=True):
            env.set_wrapper_attr(name, value)

    def _said(self, infos: list[dict[str, Any]]) -> tuple[Column, ...] | None:
        board, start = self._board, self._rows.start
        if board is None:
            return columns_of(infos)
        for i, info in enumerate(infos):
            if not board.put(start + i, info):
                return columns_of(infos)
        return None

    def close(self) -> None:
        """Close the environments; more calls do nothing."""
        while self.envs:
            self.envs.pop().close()

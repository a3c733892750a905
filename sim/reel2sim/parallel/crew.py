"""A batch of environments, stepped by several processes at once."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import CloudpickleWrapper

from reel2sim.parallel.batch import Batch, EnvFn
from reel2sim.parallel.board import Board, layout_of
from reel2sim.parallel.columns import Column, joined
from reel2sim.parallel.member import STEP, Member
from reel2sim.parallel.memory import Memory, shared_file
from reel2sim.scene.errors import InputError, UnavailableError, UsageError

T = TypeVar("T")
_TOLERANCE = 1e-6
"""Rounding by which an action may leave its space; the environment has the last word."""


class Crew:
    """Environments shared out evenly over processes, of which this one is the first.

    This process does its own share instead of waiting for others to do all. Observations and
    rewards travel through shared memory. Whatever the number of processes, results are those of
    one environment after the other.

    Attributes:
        num_envs: environments.
        observation_space: of one of them.
        action_space: of one of them.
        metadata: of the first.
        render_mode: of the first.

    Args:
        env_fns: functions that make the environments; all must have the same spaces.
        processes: how many; None is one for each core, and never more than environments.
        autoreset: whether a step resets the environments whose episode was over, instead of
            stepping them: "next step" in Gymnasium's terms.

    Raises:
        UsageError: if the environments cannot form a batch.
        Exception: what making an environment raises.
    """

    def __init__(
        self, env_fns: Sequence[EnvFn], *, processes: int | None = None, autoreset: bool = True
    ) -> None:
        self.num_envs = len(env_fns)
        if not env_fns:
            raise UsageError("must be at least 1", source="num_envs")
        if processes is not None and processes < 1:
            raise UsageError(f"is {processes}, expected at least 1", source="processes")
        shares = min(processes or cores(), self.num_envs)
        self._starts = [len(env_fns) * i // shares for i in range(shares + 1)]
        self._members: list[Member] = []
        # Processes of a crew that was forgotten, or outlives the interpreter, are ended too.
        weakref.finalize(self, _end, self._members)
        self._own = Batch([])
        self._closed = self._begun = False
        self._autoreset = autoreset
        self._board: Board | None = None
        try:
            self._make(env_fns)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the other processes."""
        return tuple(member.pid for member in self._members)

    @property
    def rewards(self) -> np.ndarray:
        """A copy of the latest rewards ``(n,)`` float64."""
        return self._memory.rewards.copy()

    @property
    def terminated(self) -> np.ndarray:
        """A copy of which episodes the latest step ended ``(n,)`` bool."""
        return self._memory.terminated.copy()

    @property
    def truncated(self) -> np.ndarray:
        """A copy of which episodes the latest step cut off ``(n,)`` bool."""
        return self._memory.truncated.copy()

    def observations(self) -> Any:
        """A copy of the latest observations, arrays ``(n, …)`` as the space has them."""
        return self._memory.observations()

    def leaves(self) -> list[tuple[tuple[str, ...], np.ndarray]]:
        """The latest observations as paths and arrays ``(n, …)``, which the next call changes."""
        return self._memory.leaves

    def reset(
        self,
        seeds: Sequence[int | None],
        options: dict[str, Any] | None = None,
        only: np.ndarray | None = None,
    ) -> tuple[Column, ...]:
        """Begin episodes; returns the columns of ``info``.

        Args:
            seeds: one for each environment; None goes on with its generator.
            options: for each environment.
            only: which to reset ``(n,)``, bool; None is all.

        Raises:
            UnavailableError: if a process has died; the crew is closed.
            Exception: what an environment raises.
        """
        if len(seeds) != self.num_envs:
            raise UsageError(f"are {len(seeds)}, expected {self.num_envs}", source="seeds")
        if only is not None and (only.shape != (self.num_envs,) or only.dtype != np.bool_):
            raise UsageError(f"is no array of {self.num_envs} truth values", source="reset_mask")

        def part(start: int, end: int) -> tuple[Any, ...]:
            return seeds[start:end], options, None if only is None else only[start:end]

        orders = [("reset", *part(start, end)) for start, end in self._spans()[1:]]
        own = part(*self._spans()[0])
        found = self._all(
            lambda: [m.order(*order) for m, order in zip(self._members, orders, strict=True)],
            lambda: self._own.reset(*own),
        )
        self._begun = self._begun or only is None or bool(only.all())
        return self._columns(found)

    def step(self, actions: Any) -> tuple[Column, ...]:
        """Take one action in each environment; returns the columns of ``info``.

        Environments that :meth:`step` resets take none, and their reward is 0.

        Args:
            actions: ``(n, …)``.

        Raises:
            InputError: if the actions are not in the action space; nothing has moved then.
            UsageError: before the first :meth:`reset`.
            UnavailableError: if a process has died; the crew is closed.
            Exception: what an environment raises.
        """
        self._running()
        if not self._begun:
            raise UsageError("has no episode", source="environment", remedy="call reset first")
        checked = self._checked(actions)
        self._memory.actions(checked.dtype)[...] = checked
        order = STEP + checked.dtype.str.encode()
        found = self._all(
            lambda: [member.send(order) for member in self._members],
            lambda: self._own.step(checked.dtype),
        )
        columns = self._columns(found)
        if self._board is None and self._members:
            self._settle(columns)
        return columns

    def call(self, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Call a method of each environment, or read an attribute; one result for each."""
        found = self._all(
            lambda: [member.order("call", name, args, kwargs) for member in self._members],
            lambda: self._own.call(name, args, kwargs),
        )
        return [value for part in found for value in part]

    def assign(self, name: str, values: Sequence[Any]) -> None:
        """Set an attribute of each environment to its value."""
        if len(values) != self.num_envs:
            raise UsageError(f"are {len(values)}, expected {self.num_envs}", source="values")
        parts = [values[start:end] for start, end in self._spans()]
        self._all(
            lambda: [
                m.order("assign", name, part)
                for m, part in zip(self._members, parts[1:], strict=True)
            ],
            lambda: self._own.assign(name, parts[0]),
        )

    def close(self) -> None:
        """End all processes and wait for them; more calls do nothing."""
        self._closed = True
        _end(self._members)
        self._own.close()

    def _make(self, env_fns: Sequence[EnvFn]) -> None:
        file = shared_file() if len(self._starts) > 2 else None
        try:
            for start, end in self._spans()[1:]:
                assert file is not None
                self._members.append(Member(file.fileno(), watch=len(self._starts) <= cores() + 1))
                self._members[-1].order("make", [CloudpickleWrapper(f) for f in env_fns[start:end]])
            self._own = Batch(env_fns[: self._starts[1]])
            for member in self._members:
                member.answer()
            first = self._own.envs[0]
            self.observation_space, action = first.observation_space, first.action_space
            if not isinstance(action, spaces.Box) or action.dtype.kind not in "biuf":
                raise UsageError(f"is {type(action).__name__}, expected Box", source="action_space")
            self.action_space, self.metadata = action, dict(first.metadata)
            self.render_mode = first.render_mode
            self._low, self._high = action.low - _TOLERANCE, action.high + _TOLERANCE
            # Numbers between these are in all columns: the usual case takes two looks.
            self._lowest = float(self._low.max(initial=-np.inf))
            self._highest = float(self._high.min(initial=np.inf))
            self._memory = Memory(
                self.observation_space,
                action,
                self.num_envs,
                file=None if file is None else file.fileno(),
            )
            like = (self.observation_space, action)
            for i, (member, (start, _)) in enumerate(
                zip(self._members, self._spans()[1:], strict=True)
            ):
                member.order("join", self.num_envs, i, start, like, self._autoreset)
            self._own.join(self._memory, 0, like, autoreset=self._autoreset)
            for member, ends in zip(self._members, self._memory.bells, strict=False):
                member.answer()
                member.hang_bell(*ends)
        finally:
            if file is not None:
                file.close()

    def _all(self, order: Callable[[], object], own: Callable[[], T]) -> list[T]:
        """Let all processes work; the results in order, or the first fault once all are done."""
        self._running()
        try:
            order()
            results: list[T] = []
            faults: list[Exception] = []
            for work in (own, *(member.answer for member in self._members)):
                try:
                    results.append(work())
                except Exception as fault:
                    faults.append(fault)
        except UnavailableError:
            self._abandon()
            raise
        if any(isinstance(fault, UnavailableError) for fault in faults):
            self._abandon()
        if faults:
            raise faults[0]
        return results

    def _abandon(self) -> None:
        """A process has died: the others hold environments that nobody can go on with."""
        self._closed = True
        while self._members:
            self._members.pop().kill()
        self._own.close()

    def _running(self) -> None:
        if self._closed:
            raise UsageError("is closed", source="environment", remedy="make a new one")

    def _spans(self) -> list[tuple[int, int]]:
        return list(zip(self._starts[:-1], self._starts[1:], strict=True))

    def _columns(self, found: Sequence[tuple[Column, ...] | None]) -> tuple[Column, ...]:
        board = self._board
        if board is not None and all(columns is None for columns in found):
            return board.columns(0, self.num_envs)
        parts: list[tuple[int, int, tuple[Column, ...]]] = []
        for (start, end), columns in zip(self._spans(), found, strict=True):
            if columns is None:
                assert board is not None
                columns = board.columns(start, end)
            parts.append((start, end - start, columns))
        return joined(parts)

    def _settle(self, columns: Sequence[Column]) -> None:
        """Agree with all processes where infos like these are written from now on."""
        layout, spare = layout_of(columns), self._memory.spare
        if not layout or not Board.fits(spare, self.num_envs, layout):
            return
        self._all(
            lambda: [member.order("use_board", layout) for member in self._members],
            lambda: self._own.use_board(layout),
        )
        self._board = Board(spare, self.num_envs, layout)

    def _checked(self, actions: Any) -> np.ndarray:
        """Actions as an array of numbers in their space, but for rounding."""
        try:
            array = np.asarray(actions)
        except ValueError:
            array = np.empty(0, object)
        shape = (self.num_envs, *self.action_space.shape)
        if array.shape != shape or array.dtype.kind not in "biuf":
            raise InputError(
                f"are {array.dtype} of shape {array.shape}, expected numbers of shape {shape}",
                source="actions",
            )
        array = array.astype(np.float64) if array.dtype.itemsize > 8 else array
        if (
            array.size
            and float(np.minimum.reduce(array, axis=None)) >= self._lowest
            and float(np.maximum.reduce(array, axis=None)) <= self._highest
        ):
            return array
        inside = (array >= self._low) & (array <= self._high)  # NaN is not
        if inside.all():
            return array
        for at in self._outside(inside):
            low, high = (float(b[at[1:]]) for b in (self.action_space.low, self.action_space.high))
            raise InputError(
                f"is {float(array[at]):g}, expected a number in {low:g}..{high:g}",
                source="actions",
                field=str(list(map(int, at))),
            )
        return array

    def _outside(self, inside: np.ndarray) -> Iterator[tuple[int, ...]]:
        """Where actions are outside, but for those that nobody takes."""
        ignored = np.logical_or(self._memory.terminated, self._memory.truncated)
        for at in np.argwhere(~inside):
            if not (self._autoreset and ignored[at[0]]):
                yield tuple(at)


def _end(members: list[Member]) -> None:
    """End processes: all are told before one is waited for."""
    for member in members:
        member.dismiss()
    while members:
        members.pop().close()


def cores() -> int:
    """Cores this process may use."""
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known is not None else os.cpu_count() or 1

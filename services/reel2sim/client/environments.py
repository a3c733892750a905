"""Environments on a server, as environments of Gymnasium."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from reel2sim.client.connection import TlsFiles
from reel2sim.client.play import Playing
from reel2sim.parallel.columns import rows_of, vector_infos
from reel2sim.parallel.memory import nested
from reel2sim.parallel.seeds import seeds_of
from reel2sim.scene.errors import UsageError
from reel2sim.transport.arrays import array_of
from reel2sim.transport.transitions import columns_from
from reel2sim.v1 import environments_pb2 as pb


class RemoteEnv(gymnasium.Env[Any, Any]):
    """One environment on a server: bit by bit what it would be here.

    The environment lives until it is closed, forgotten, or the connection is lost, which ends it
    with an UnavailableError: a new one must be made then. What an environment refuses, such as an
    action out of its space, raises the error it would raise here, and it goes on.

    Args:
        address: ``host:port`` of ``reel2sim serve``.
        id: of the task, such as ``"Reel2Sim/OpenJoint-v0"``.
        bundle: folder of a bundle, a scene or, for Pack, a pack, which is uploaded unless the
            server has it; or the digest of one that was uploaded.
        render_mode: None or ``"rgb_array"``.
        token: bearer token, if the server wants one.
        tls: certificates; None speaks plain text.
        retry_s: how long a server that is away is waited for.
        **options: of the task.

    Raises:
        Reel2SimError: of the class the server raised.

    Example:
        >>> env = RemoteEnv("127.0.0.1:50051", "Reel2Sim/OpenJoint-v0", bundle="out/drawer")
        >>> observation, info = env.reset(seed=0)
    """

    def __init__(
        self,
        address: str,
        id: str,
        *,
        bundle: str | Path,
        render_mode: str | None = None,
        token: str | None = None,
        tls: TlsFiles | None = None,
        retry_s: float = 10.0,
        **options: Any,
    ) -> None:
        self.render_mode = render_mode
        self._playing = Playing(
            address,
            id,
            bundle=bundle,
            count=1,
            autoreset=False,
            options=_given(options, render_mode),
            token=token,
            tls=tls,
            retry_s=retry_s,
        )
        self.observation_space = self._playing.observation_space
        self.action_space = self._playing.action_space
        self.metadata = _metadata(self._playing)
        digest = self._playing.digest

        def again(**wanted: Any) -> RemoteEnv:
            return RemoteEnv(address, id, bundle=digest, token=token, tls=tls, **wanted)

        # How to make another one; the token stays where nobody prints it.
        self.spec = EnvSpec(
            id.rpartition(":")[2],
            entry_point=again,
            kwargs={**options, "render_mode": render_mode},
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; see the task.

        Raises:
            UsageError: if an option is not allowed.
            UnavailableError: if the connection is lost.
        """
        super().reset(seed=seed)
        answer = self._playing.reset([seed], options)
        return _first(answer), _info(answer)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take an action.

        Raises:
            InputError: if it is not in the action space; nothing has moved then.
            UsageError: before the first :meth:`reset`, or after :meth:`close`.
            UnavailableError: if the connection is lost.
        """
        answer = self._playing.step(np.asarray(action)[None])
        (reward,), (terminated,), (truncated,) = (array.tolist() for array in _results(answer))
        return _first(answer), reward, terminated, truncated, _info(answer)

    def render(self) -> Any:
        """A picture ``(h, w, 3)`` uint8; None without a render mode."""
        if self.render_mode is None:
            gymnasium.logger.warn('nothing to render: make it with render_mode="rgb_array"')
            return None
        return self._playing.render(1)[0]

    def close(self) -> None:
        """End the environment; more calls do nothing."""
        if hasattr(self, "_playing"):
            self._playing.close()


class RemoteVectorEnv(VectorEnv[Any, Any, Any]):
    """Environments on a server, with one message for a step of them all.

    Bit by bit what ``gymnasium.make_vec`` gives here; ``metadata["autoreset_mode"]`` is NEXT_STEP.
    See :class:`RemoteEnv`.

    Args:
        address: ``host:port`` of ``reel2sim serve``.
        id: of the task.
        num_envs: how many.
        bundle: folder or digest.
        render_mode: None or ``"rgb_array"``.
        token: bearer token, if the server wants one.
        tls: certificates; None speaks plain text.
        retry_s: how long a server that is away is waited for.
        **options: of the task.

    Raises:
        Reel2SimError: of the class the server raised.
    """

    def __init__(
        self,
        address: str,
        id: str,
        num_envs: int = 1,
        *,
        bundle: str | Path,
        render_mode: str | None = None,
        token: str | None = None,
        tls: TlsFiles | None = None,
        retry_s: float = 10.0,
        **options: Any,
    ) -> None:
        self.num_envs, self.render_mode = num_envs, render_mode
        self._playing = Playing(
            address,
            id,
            bundle=bundle,
            count=num_envs,
            autoreset=True,
            options=_given(options, render_mode),
            token=token,
            tls=tls,
            retry_s=retry_s,
        )
        self.metadata = {**_metadata(self._playing), "autoreset_mode": AutoresetMode.NEXT_STEP}
        self.single_observation_space = self._playing.observation_space
        self.single_action_space = self._playing.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

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
        rest = dict(options or {})
        only = rest.pop("reset_mask", None)
        if only is not None and np.shape(only) != (self.num_envs,):
            raise UsageError(
                f"is no array of {self.num_envs}", source="options", field="reset_mask"
            )
        mask = None if only is None else np.asarray(only, bool)
        answer = self._playing.reset(seeds_of(seed, self.num_envs), rest, mask)
        return _batch(answer), self._infos(answer)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Take one action ``(n, …)`` in each environment.

        Raises:
            InputError: if an action is not in the action space; nothing has moved then.
        """
        answer = self._playing.step(actions)
        rewards, terminated, truncated = _results(answer)
        return _batch(answer), rewards, terminated, truncated, self._infos(answer)

    def render(self) -> tuple[Any, ...]:
        """A picture ``(h, w, 3)`` uint8 of each environment."""
        return self._playing.render(self.num_envs)

    def close_extras(self, **kwargs: Any) -> None:
        """End the environments."""
        self._playing.close()

    def _infos(self, answer: pb.Transition) -> dict[str, Any]:
        return vector_infos(columns_from(answer), self.num_envs, self._add_info)


def _given(options: dict[str, Any], render_mode: str | None) -> dict[str, Any]:
    return options if render_mode is None else {**options, "render_mode": render_mode}


def _metadata(playing: Playing) -> dict[str, Any]:
    fps = playing.made.frames_per_second
    return {"render_modes": ["rgb_array"], "render_fps": int(fps) if fps.is_integer() else fps}


def _batch(answer: pb.Transition) -> Any:
    """Observations of all environments; copies, which may be written to."""
    return nested(
        (tuple(named.path), array_of(named.values, "observations").copy())
        for named in answer.observations
    )


def _first(answer: pb.Transition) -> Any:
    """The observation of the one environment."""
    return nested(
        (tuple(named.path), array_of(named.values, "observations")[0].copy())
        for named in answer.observations
    )


def _info(answer: pb.Transition) -> dict[str, Any]:
    return rows_of(columns_from(answer), 1)[0]


def _results(answer: pb.Transition) -> list[np.ndarray]:
    arrays = (answer.rewards, answer.terminated, answer.truncated)
    return [array_of(array, "results").copy() for array in arrays]

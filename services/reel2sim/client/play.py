"""A conversation with environments on a server."""

from __future__ import annotations

import queue
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from reel2sim.client.connection import Connection, TlsFiles
from reel2sim.client.transfer import Transfer
from reel2sim.scene.errors import Reel2SimError, UnavailableError, UsageError
from reel2sim.transport.arrays import array_message, space_of
from reel2sim.transport.names import DIGEST
from reel2sim.transport.status import error_of, error_of_call
from reel2sim.transport.transitions import json_text
from reel2sim.v1 import environments_pb2 as pb
from reel2sim.v1 import environments_pb2_grpc

_TIMEOUT_S = 30.0
_WIDEST_SEED = 2**64


class Playing:
    """Environments on a server, for as long as the connection lasts.

    Attributes:
        made: what the server said of them.
        digest: of the bundle they are made from.
        observation_space: of one environment.
        action_space: of one environment.

    Args:
        address: ``host:port``.
        task: id of the task, ``module:`` before it is ignored.
        bundle: folder, which is uploaded unless the server has it, or digest of an artifact.
        count: environments.
        autoreset: whether a step resets the environments whose episode is over.
        options: of the task.
        token: bearer token, if the server wants one.
        tls: certificates; None speaks plain text.
        retry_s: how long a server that is away is waited for, until the bundle is there.

    Raises:
        Reel2SimError: of the class the server raised.
    """

    def __init__(
        self,
        address: str,
        task: str,
        *,
        bundle: str | Path,
        count: int,
        autoreset: bool,
        options: Mapping[str, Any],
        token: str | None,
        tls: TlsFiles | None,
        retry_s: float,
    ) -> None:
        self._address = address
        make = pb.MakeEnvironments(
            task=task.rpartition(":")[2],
            count=_fitting(count, "num_envs"),
            options_json=json_text(options, "options"),
            autoreset=autoreset,
        )
        self._requests: queue.SimpleQueue[pb.PlayRequest | None] = queue.SimpleQueue()
        self._lost: str | None = None
        connection = Connection(
            address, token=token, tls=tls, timeout_s=_TIMEOUT_S, retry_s=retry_s
        )
        # The thread that sends must not keep this object alive.
        self.close = weakref.finalize(self, _hang_up, self._requests, connection)
        """End the environments; more calls do nothing."""
        try:
            self.digest = str(bundle)
            if not DIGEST.match(self.digest):
                self.digest = Transfer(connection).upload(Path(bundle)).digest
                make.bundle.filename = Path(bundle).resolve().name
            make.bundle.digest = self.digest
            stub = environments_pb2_grpc.EnvironmentsStub(connection.channel)
            self._call = connection.converse(stub.Play, iter(self._requests.get, None))
            self.made = self._asked(pb.PlayRequest(make=make)).made
            self.observation_space = space_of(self.made.observation_space)
            self.action_space = space_of(self.made.action_space)
        except BaseException:
            self.close()
            raise

    def reset(
        self,
        seeds: Sequence[int | None],
        options: Mapping[str, Any] | None,
        only: np.ndarray | None = None,
    ) -> pb.Transition:
        """Begin episodes; see :meth:`reel2sim.parallel.Crew.reset`."""
        request = pb.ResetEnvironments(
            seeds=[_seed(seed) for seed in seeds],
            options_json=json_text(options, "options"),
            only=None if only is None else only.tolist(),
        )
        return self._asked(pb.PlayRequest(reset=request)).transition

    def step(self, actions: Any) -> pb.Transition:
        """Take an action ``(n, …)`` in each environment."""
        message = array_message(np.asarray(actions))
        return self._asked(pb.PlayRequest(step=pb.StepEnvironments(actions=message))).transition

    def render(self, count: int) -> tuple[np.ndarray, ...]:
        """A picture ``(h, w, 3)`` uint8 of each of the ``count`` environments."""
        answers = [self._asked(pb.PlayRequest(render=pb.RenderEnvironments()))]
        answers += [self._answer() for _ in range(count - 1)]
        return tuple(_pixels(answer.frame.png) for answer in answers)

    def _asked(self, request: pb.PlayRequest) -> pb.PlayResponse:
        if not self.close.alive:
            raise UsageError("is closed", source="environment", remedy="make a new one")
        if self._lost is None:
            self._requests.put(request)
        return self._answer()

    def _answer(self) -> pb.PlayResponse:
        """The next answer.

        Raises:
            Reel2SimError: what the server refused, or why there are no more answers.
        """
        if self._lost is not None:
            raise self._loss()
        try:
            answer = next(self._call, None)
        except grpc.RpcError as fault:
            error = error_of_call(fault)
            self._lost = error.message
            if isinstance(error, UnavailableError):
                raise self._loss() from fault
            raise error from fault
        if answer is None:
            self._lost = "the server has ended them"
            raise self._loss()
        if answer.WhichOneof("response") == "refusal":
            raise error_of(answer.refusal)
        return answer

    def _loss(self) -> Reel2SimError:
        return UnavailableError(
            f"the environments are lost: {self._lost}",
            source=self._address,
            remedy="make a new environment",
        )


def _hang_up(requests: queue.SimpleQueue[Any], connection: Connection) -> None:
    requests.put(None)
    connection.close()


def _fitting(count: int, name: str) -> int:
    if not 1 <= count < 2**31:
        raise UsageError(f"is {count}, expected at least 1", source=name)
    return count


def _seed(seed: int | None) -> pb.Seed:
    if seed is None:
        return pb.Seed()
    if not 0 <= seed < _WIDEST_SEED:
        raise UsageError(f"is {seed}, expected 0 up to 2⁶⁴ − 1", source="seed")
    return pb.Seed(value=seed)


def _pixels(png: bytes) -> np.ndarray:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        return np.array(picture)

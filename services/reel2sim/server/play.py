"""The process that plays: ``python -m reel2sim.server.play``. Started by the server only.

It holds the environments of one stream. Requests come in on standard input, each with its length
before it, and answers go out on what was standard output, each with its sort and length. It never
outlives its parent, see :mod:`reel2sim.scene.lifeline`.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.observe.logs import set_up_logs
from reel2sim.scene.errors import ExhaustedError, InputError, UsageError
from reel2sim.scene.lifeline import die_with
from reel2sim.server.answers import FAULT, HEAD, LAST, LENGTH, MORE
from reel2sim.server.bundle_files import check_bundle_files
from reel2sim.server.worker import materialise
from reel2sim.transport.arrays import array_of, space_message
from reel2sim.transport.status import status_of
from reel2sim.transport.transitions import json_options, transition_message
from reel2sim.v1 import environments_pb2 as pb


def main() -> None:
    """Answer requests until there are no more."""
    parser = argparse.ArgumentParser()
    for name, kind in (
        ("parent", int),
        ("artifact", Path),
        ("format", int),
        ("filename", str),
        ("work", Path),
        ("processes", int),
        ("max-bytes", int),
        ("max-message", int),
    ):
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    die_with(options.parent)
    set_up_logs("play")
    answers = os.fdopen(os.dup(1), "wb")
    # What libraries print must not mix with answers.
    os.dup2(2, 1)
    play = Play(options)
    while head := sys.stdin.buffer.read(LENGTH.size):
        request = pb.PlayRequest.FromString(sys.stdin.buffer.read(LENGTH.unpack(head)[0]))
        try:
            for sort, message in play.answers(request):
                data = message.SerializeToString()
                if len(data) > options.max_message:
                    raise ExhaustedError(
                        f"an answer holds {len(data)} bytes, a message {options.max_message}",
                        remedy="use fewer environments, or smaller observations or pictures",
                    )
                answers.write(HEAD.pack(sort, len(data)) + data)
        except Exception as fault:
            data = status_of(fault).SerializeToString()
            answers.write(HEAD.pack(FAULT, len(data)) + data)
        answers.flush()


class Play:
    """The environments of one stream.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._crew: Any = None

    def answers(self, request: pb.PlayRequest) -> Iterator[tuple[int, Any]]:
        """What a request is answered by, and which sort that is.

        Raises:
            Exception: if the stream cannot go on.
        """
        kind = request.WhichOneof("request")
        if (kind == "make") == (self._crew is not None) or kind is None:
            field = "make" if kind == "make" or self._crew is None else "request"
            raise UsageError("is required first, and once", source="PlayRequest", field=field)
        if kind == "make":
            yield LAST, pb.PlayResponse(made=self._make(request.make))
            return
        try:
            if kind == "render":
                yield from self._frames()
                return
            work: Callable[[Any], pb.Transition] = self._reset if kind == "reset" else self._step
            transition = work(getattr(request, kind))
        except InputError as refusal:
            yield LAST, pb.PlayResponse(refusal=status_of(refusal))
            return
        yield LAST, pb.PlayResponse(transition=transition)

    def _make(self, make: pb.MakeEnvironments) -> pb.EnvironmentsMade:
        from reel2sim.parallel import Crew

        given = json_options(make.options_json, "make.options_json")
        place = _place_of(make.task, given)
        source = {
            "path": self._options.artifact,
            "format": self._options.format,
            "filename": make.bundle.filename or self._options.filename,
        }
        work = self._options.work
        folder = materialise("bundle", source, work, self._options.max_bytes)
        check_bundle_files(folder)
        make_one = partial(_environment, make.task, {place: str(folder), **given})
        try:
            self._crew = Crew(
                [make_one] * make.count,
                processes=self._options.processes,
                autoreset=make.autoreset,
            )
        except InputError as fault:
            raise _without_path(fault, folder) from None
        return pb.EnvironmentsMade(
            observation_space=space_message(self._crew.observation_space),
            action_space=space_message(self._crew.action_space),
            frames_per_second=self._crew.metadata.get("render_fps", 0),
        )

    def _reset(self, request: pb.ResetEnvironments) -> pb.Transition:
        crew = self._crew
        seeds = [seed.value if seed.HasField("value") else None for seed in request.seeds]
        if seeds and len(seeds) != crew.num_envs:
            raise UsageError(f"are {len(seeds)}, expected {crew.num_envs}", field="reset.seeds")
        only = np.array(request.only, bool) if request.only else None
        if only is not None and only.shape != (crew.num_envs,):
            raise UsageError(f"are {len(only)}, expected {crew.num_envs}", field="reset.only")
        options = json_options(request.options_json, "reset.options_json")
        columns = crew.reset(seeds or [None] * crew.num_envs, options or None, only)
        return transition_message(crew.leaves(), columns)

    def _step(self, request: pb.StepEnvironments) -> pb.Transition:
        crew = self._crew
        columns = crew.step(array_of(request.actions, "step.actions"))
        results = (crew.rewards, crew.terminated, crew.truncated)
        return transition_message(crew.leaves(), columns, results)

    def _frames(self) -> Iterator[tuple[int, pb.PlayResponse]]:
        if self._crew.render_mode != "rgb_array":
            raise UsageError(
                "nothing to render", field="render", remedy='make it with render_mode="rgb_array"'
            )
        frames = self._crew.call("render")
        for i, pixels in enumerate(frames):
            frame = pb.Frame(environment=i, png=_png(pixels))
            yield (LAST if i == len(frames) - 1 else MORE), pb.PlayResponse(frame=frame)


def _place_of(task: str, given: dict[str, Any]) -> str:
    """Check task and options; the name of the argument that takes the folder.

    Only what the task's own configuration knows is let through: no option may name a path.

    Raises:
        UsageError: naming the option.
    """
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    import reel2sim.envs
    from reel2sim.envs.registration import task_id

    known = sorted(id for id in gymnasium.registry if id.startswith("Reel2Sim/"))
    if task not in known:
        raise UsageError(
            f"{task!r} is no task", field="make.task", remedy=f"use one of {', '.join(known)}"
        )
    allowed, packed = {"asset", "render_mode"}, task == reel2sim.envs.PACK
    if packed:
        allowed = {"split", "task", "render_mode"}
        inner = given.get("task", "OpenJoint")
        task = task_id(str(inner))
        if task not in known or task == reel2sim.envs.PACK:
            raise UsageError(f"{inner!r} is no task", field="task")
    entry: Any = gymnasium.spec(task).entry_point
    kind: Any = load_env_creator(entry)
    allowed |= {item.name for item in dataclasses.fields(kind.config_type)}
    for name, value in given.items():
        if name not in allowed:
            raise UsageError(
                "is not an option of this task",
                field=name,
                remedy=f"use {', '.join(sorted(allowed))}",
            )
        if name in ("asset", "split") and not isinstance(value, str | None):
            raise UsageError(f"is {value!r}, expected a name", field=name)
    if given.get("render_mode") not in (None, "rgb_array"):
        raise UsageError("must be null or 'rgb_array'", field="render_mode")
    return "pack" if packed else "bundle"


def _environment(task: str, options: dict[str, Any]) -> Any:
    import copy

    import gymnasium

    import reel2sim.envs  # noqa: F401  registers, in the processes too

    spec = copy.deepcopy(gymnasium.spec(task))
    spec.order_enforce = False
    return gymnasium.make(spec, disable_env_checker=True, **options)


def _without_path(fault: InputError, folder: Path) -> InputError:
    """The fault without where the server keeps the folder."""

    def told(text: str | None) -> str | None:
        return None if text is None else text.replace(str(folder.resolve()), folder.name)

    kind: type[InputError] = type(fault)
    return kind(
        told(fault.message) or "",
        source=told(fault.source),
        field=fault.field,
        remedy=told(fault.remedy),
    )


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


if __name__ == "__main__":
    main()

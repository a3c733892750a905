"""Many environments at once give what they give one after the other, whatever happens."""

from __future__ import annotations

import copy
import gc
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import psutil
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.envs.vector import ParallelVectorEnv
from reel2sim.parallel import columns_of, rows_of, vector_infos
from reel2sim.parallel.columns import joined
from reel2sim.parallel.line import BELL_BYTES, RUNG, Line
from reel2sim.scene.errors import BundleError, InputError, UnavailableError, UsageError

from . import odd
from .odd import Odd

# Processes need not be able to import tests.
cloudpickle.register_pickle_by_value(odd)

relaxed = settings(max_examples=20, deadline=None)


@pytest.fixture
def make() -> Iterator:
    """Makes vector environments and closes them; no process is left."""
    made: list[VectorEnv] = []

    def build(task: str, bundle: Path, count: int = 3, **options) -> VectorEnv:
        if task == "Locomote":
            options.setdefault("fixed_base", False)
        id = f"reel2sim.envs:Reel2Sim/{task}-v0"
        made.append(gymnasium.make_vec(id, num_envs=count, bundle=str(bundle), **options))
        return made[-1]

    yield build
    for env in made:
        env.close()


def children() -> list[psutil.Process]:
    """Processes of crews, zombies included."""
    every = psutil.Process().children(recursive=True)
    return [p for p in every if p.status() == "zombie" or "parallel.worker" in str(p.cmdline())]


@pytest.fixture
def no_more() -> Iterator:
    """A function that says whether there are no processes but those from before the test."""
    before = set(children())
    yield lambda: set(children()) <= before
    assert set(children()) <= before


def same(a: Any, b: Any) -> None:
    """Equal bit by bit, types included, but for Python's scalars in object arrays."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            same(one, other)
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tolist() == b.tolist() if a.dtype == object else a.tobytes() == b.tobytes()
    else:
        assert a == b


def compared(ours: VectorEnv, theirs: VectorEnv, seed: int, steps: int, dtype=np.float32) -> None:
    rng = np.random.default_rng(seed)
    same(ours.reset(seed=seed), theirs.reset(seed=seed))
    for _ in range(steps):
        low, high = ours.action_space.low, ours.action_space.high
        actions = rng.uniform(low, high).astype(dtype)
        same(ours.step(actions), theirs.step(actions))
    mask = np.arange(ours.num_envs) % 2 == 0
    options = {"reset_mask": mask}
    same(
        ours.reset(seed=seed + 1, options=dict(options)),
        theirs.reset(seed=seed + 1, options=options),
    )
    same(ours.step(actions), theirs.step(actions))


@pytest.mark.parametrize(
    ("task", "kind"),
    [("Scene", "thrown"), ("TrackMotion", "arm"), ("OpenJoint", "drawer"), ("Locomote", "thrown")],
)
def test_results_are_those_of_one_after_the_other(make, bundles, task: str, kind: str) -> None:
    """Episodes of a few steps, so that all environments begin anew by themselves."""
    options = {} if task == "TrackMotion" else {"episode_s": 0.05}
    ours = make(task, bundles[kind], processes=2, **options)
    theirs = make(task, bundles[kind], vectorization_mode="sync", **options)
    assert isinstance(ours, ParallelVectorEnv)
    assert ours.metadata == theirs.metadata
    assert ours.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    for name in ("observation_space", "action_space", "single_observation_space"):
        assert getattr(ours, name) == getattr(theirs, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gymnasium's checker of single environments
        for seed in range(3):
            compared(ours, theirs, seed, 9, np.float32 if seed % 2 else np.float64)


@pytest.fixture(scope="module")
def odd_pairs() -> Iterator:
    """Ours and Gymnasium's, for several numbers of environments and processes."""
    pairs = [
        (ParallelVectorEnv([Odd] * count, processes=processes), SyncVectorEnv([Odd] * count))
        for count, processes in ((1, 2), (4, 1), (5, 2), (3, 3))
    ]
    yield pairs
    for ours, _ in pairs:
        ours.close()


@relaxed
@given(seed=st.integers(0, 2**31), which=st.integers(0, 3))
def test_the_law_holds_for_any_environment(odd_pairs, seed, which) -> None:
    ours, theirs = odd_pairs[which]
    compared(ours, theirs, seed, 20)
    same(ours.reset(options={"shift": 3.0}, seed=1), theirs.reset(options={"shift": 3.0}, seed=1))
    seeds = [None if i % 2 else 7 + i for i in range(ours.num_envs)]
    same(ours.reset(seed=seeds), theirs.reset(seed=seeds))
    for name in ("steps", "np_random_seed", "render"):
        same(ours.call(name), theirs.call(name))
    for env in (ours, theirs):
        env.set_attr("steps", list(range(ours.num_envs)))
    same(ours.get_attr("steps"), theirs.get_attr("steps"))
    same(ours.render(), theirs.render())


@pytest.mark.parametrize("watch", [True, False])
@relaxed
@given(said=st.lists(st.none() | st.binary(min_size=2, max_size=9), max_size=30))
def test_messages_and_rings_arrive_in_order(watch: bool, said) -> None:
    """Each is answered by itself, whether the other end watches or sleeps."""
    ends = np.zeros((2, BELL_BYTES), np.uint8)
    lines = [Line(pipe, watch=watch) for pipe in Pipe()]
    for line, bells in zip(lines, (ends, ends[::-1]), strict=True):
        line.hang_bell(*bells)

    def give(line: Line, what: bytes) -> None:
        line.ring() if what == RUNG else line.send(what)

    def echo() -> None:
        while (what := lines[1].receive()) != b"over":
            give(lines[1], what)

    thread = threading.Thread(target=echo)
    thread.start()
    said = [RUNG if what is None else what for what in (*said, *[None] * 260)]
    heard = []
    for what in said:
        give(lines[0], what)
        heard.append(lines[0].receive())
    lines[0].send(b"over")
    thread.join()
    assert heard == said
    for line in lines:
        line.close()


def test_results_are_the_same_without_a_bell(monkeypatch) -> None:
    """Where a processor may show others what it writes out of order."""
    monkeypatch.setattr("reel2sim.parallel.line._IN_ORDER", False)
    ours, theirs = ParallelVectorEnv([Odd] * 4, processes=2), SyncVectorEnv([Odd] * 4)
    compared(ours, theirs, 0, 20)
    ours.close()


scalars = (
    st.floats(width=64)
    | st.integers(-(2**80), 2**80)
    | st.booleans()
    | st.none()
    | st.text(max_size=3)
    | st.builds(np.float32, st.floats(-9, 9, width=32))
    | st.builds(np.arange, st.integers(0, 4))
)
names = st.sampled_from(["a", "b", "c"])
infos = st.lists(
    st.dictionaries(
        names, st.recursive(scalars, lambda x: st.dictionaries(names, x), max_leaves=4)
    ),
    min_size=1,
    max_size=6,
)


def told(value: Any) -> str:
    """A value and its type in words, whatever the order of keys."""
    if isinstance(value, dict):
        return str(sorted((key, told(inner)) for key, inner in value.items()))
    return f"{type(value).__name__} {getattr(value, 'dtype', '')} {value!r}"


@settings(max_examples=100, deadline=None)
@given(infos=infos, cut=st.integers(0, 5))
def test_infos_come_back_as_they_were(infos, cut) -> None:
    """Dictionary by dictionary, also when the batch was cut in two."""
    count = len(infos)
    columns = columns_of(infos)
    cut = min(cut, count - 1)
    if cut:
        parts = [(0, cut, columns_of(infos[:cut])), (cut, count - cut, columns_of(infos[cut:]))]
        columns = joined(parts)
    back = rows_of(columns, count)
    for found, given_ in zip(back, infos, strict=True):
        assert told(found) == told(given_)


def test_infos_of_a_vector_are_gymnasiums(bundles) -> None:
    """The short way for alike infos is the long way's."""
    env = VectorEnv()
    env.num_envs = 3
    rows = [{"a": 1.0 * i, "b": np.arange(i, i + 2), "c": bool(i), "d": i} for i in range(3)]
    del rows[1]["c"]
    expected: dict[str, Any] = {}
    for i, row in enumerate(copy.deepcopy(rows)):
        expected = env._add_info(expected, row, i)

    def refuse(*_: Any) -> Any:
        raise AssertionError("took the long way")

    found = vector_infos(columns_of(rows), 3, refuse)
    assert found.keys() == expected.keys()
    same({k: found[k] for k in expected}, expected)


def test_actions_out_of_their_space_move_nothing(make, bundles) -> None:
    env, twin = (make("OpenJoint", bundles["drawer"], 4, processes=2) for _ in range(2))
    good = np.full((4, 1), 0.3, np.float32)
    same(env.reset(seed=0), twin.reset(seed=0))
    wrong = good.copy()
    wrong[2] = np.nan
    for actions, message in (
        (wrong, r"actions: \[2, 0\]: is nan"),
        (good * 4, r"\[0, 0\]: is 1.2, expected a number in -1..1"),
        (good[:3], "shape"),
        (np.full((4, 1), "x"), "expected numbers"),
        ([[1], [1, 2], [1], [1]], "expected numbers"),
    ):
        with pytest.raises(InputError, match=message):
            env.step(actions)
    same(env.step(good), twin.step(good))


def test_misuse_is_told(no_more, make, bundles) -> None:
    env = make("OpenJoint", bundles["drawer"], 3, processes=2)
    with pytest.raises(UsageError, match="call reset first"):
        env.step(np.zeros((3, 1)))
    for seed in ([1, 2], [1, 2, 3, 4]):
        with pytest.raises(UsageError, match="expected 3"):
            env.reset(seed=seed)
    with pytest.raises(UsageError, match="goal: is 7"):
        env.reset(options={"goal": 7})
    with pytest.raises(UsageError, match="reset_mask"):
        env.reset(options={"reset_mask": [True, False, True]})
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(UsageError, match="is closed"):
        env.step(np.zeros((3, 1)))
    for wrong in ({"processes": 0}, {"num_envs": 0}):
        with pytest.raises(UsageError, match="at least 1"):
            gymnasium.make_vec(
                "reel2sim.envs:Reel2Sim/Scene-v0", bundle=str(bundles["arm"]), **wrong
            )
    with pytest.raises(BundleError):
        make("Scene", bundles["arm"].parent, 2)
    with pytest.raises(UsageError, match="other spaces"):
        ParallelVectorEnv([Odd, lambda: gymnasium.make("CartPole-v1")], processes=2)
    assert no_more()


def test_a_fault_in_a_process_is_told_and_the_rest_goes_on() -> None:
    env = ParallelVectorEnv([Odd] * 4, processes=2)
    env.reset(seed=0)
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        env.call("misbehave", "on purpose")
    env.step(np.zeros((4, 2)))
    env.close()


def test_the_death_of_a_process_is_told_and_nobody_waits_forever(no_more) -> None:
    env = ParallelVectorEnv([Odd] * 4, processes=3)
    env.reset(seed=0)
    os.kill(env._crew.pids[1], signal.SIGKILL)
    with pytest.raises(UnavailableError, match=r"ended by signal 9.*make a new one"):
        env.step(np.zeros((4, 2)))
    assert no_more()
    with pytest.raises(UsageError, match="is closed"):
        env.step(np.zeros((4, 2)))
    env.close()


def test_a_process_that_dies_during_a_step_is_told(no_more) -> None:
    env = ParallelVectorEnv([Odd] * 4, processes=2)
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros((4, 2)))
    env.set_attr("steps", [0, 0, 0, odd.DOOMED])
    assert not (env._crew.terminated | env._crew.truncated)[3]  # or it would be reset instead
    with pytest.raises(UnavailableError, match="ended by signal 9"):
        env.step(np.zeros((4, 2)))
    assert no_more()
    env.close()


def test_what_is_forgotten_is_ended(no_more) -> None:
    gc.collect()  # what other tests have left
    descriptors = psutil.Process().num_fds()
    for _ in range(5):
        env = ParallelVectorEnv([Odd] * 2, processes=2)
        env.reset(seed=0)
        assert not no_more()
        del env
        gc.collect()
        assert no_more()
    # Other tests' threads may close or open one meanwhile, but not one for each environment.
    assert psutil.Process().num_fds() < descriptors + 5


SCRIPT = """
import os, signal, sys
import numpy as np
from gymnasium import Env, spaces
from reel2sim.envs.vector import ParallelVectorEnv

class Own(Env):
    observation_space = action_space = spaces.Box(-1, 1, (1,))
    def reset(self, seed=None, options=None):
        return np.zeros(1, np.float32), {}
    def step(self, action):
        return np.asarray(action, np.float32), 1.0, False, False, {}

env = ParallelVectorEnv([Own] * 2, processes=2)
env.reset()
print(float(env.step(np.full((2, 1), 0.5))[0].sum()), *env._crew.pids, flush=True)
if sys.argv[1] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["exit", "die"])
def test_scripts_need_no_guard_and_leave_nothing(tmp_path: Path, end: str) -> None:
    """A task defined in the script itself, without ``if __name__ == "__main__"``."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, end], capture_output=True, text=True, timeout=240
    )
    total, pid = done.stdout.split()
    assert float(total) == 1.0
    _, alive = psutil.wait_procs(
        [psutil.Process(int(pid))] if psutil.pid_exists(int(pid)) else [], 120
    )
    assert not alive
    assert done.stderr == ""

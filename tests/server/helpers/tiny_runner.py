"""A quick job runner for tests of the server: what it does is told by the prompt.

``steps N SECONDS``  report N steps of that length, then succeed
``until FILE``       report steps until that file is there, then succeed
``crash``            die without a word
``crash once``       die at the first attempt, succeed at the second
``stubborn``         never report again, so that a cancel has to kill
``beget FILE``       start a process that knows nothing of us, tell FILE its id, never report again
``hoard MIB``        say so on standard error and take that much memory for a while
``refuse``           raise an error of the project's tree
``bug``              raise an error of no tree
``tell …``           log the prompt and environment, as no job should
any other prompt    take about a second
A job with a source writes down what it was given instead.
"""

import itertools
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from reel2sim.scene.digest import digest_file, digest_tree
from reel2sim.scene.errors import RiggingError
from reel2sim.server.job import Job, JobResult


def run(job: Job, progress) -> JobResult:
    with (job.cache / "attempts.log").open("a") as log:
        log.write(f"{job.operation} {os.getpid()} begin\n")
    words = job.request.prompt.split() if hasattr(job.request, "prompt") else []
    print("noise on standard output must not reach the server")
    if words[:1] == ["crash"]:
        marker = job.cache / f"crashed-{job.operation.rpartition('/')[2]}"
        if words != ["crash", "once"] or not marker.exists():
            marker.touch()
            os.kill(os.getpid(), 9)
    elif words == ["stubborn"]:
        progress("steps", 0.1)
        time.sleep(600)
    elif words[:1] == ["beget"]:
        child = subprocess.Popen(["sleep", "600"])
        Path(words[1]).write_text(str(child.pid))
        time.sleep(600)
    elif words[:1] == ["hoard"]:
        print("about to hoard", file=sys.stderr, flush=True)
        hoard = np.ones((int(words[1]) << 20) // 8)
        _steps(10 if hoard.all() else 0, 0.2, progress)
    elif words == ["refuse"]:
        raise RiggingError("no joint was seen", source="reel", remedy="film it longer")
    elif words[:1] == ["bug"]:
        raise ZeroDivisionError(f"a secret of the implementation {words}")
    elif words[:1] == ["tell"]:
        print(job.request.prompt, "on standard output")
        logging.getLogger("tiny_runner").info("told %s", job.request.prompt)
    elif words[:1] == ["steps"]:
        _steps(int(words[1]), float(words[2]), progress)
    elif words[:1] == ["until"]:
        _until(Path(words[1]), progress)
    elif words and words != ["crash", "once"]:
        _steps(10, 0.1, progress)
    bundle = job.out / "bundle"
    write_bundle(job.inputs, job.request.prompt, job.request.config.seed, bundle)
    with (job.cache / "attempts.log").open("a") as log:
        log.write(f"{job.operation} {os.getpid()} end\n")
    return JobResult(bundle, {"steps": float(len(words))})


def write_bundle(inputs: dict[str, Path], prompt: str, seed: int, bundle: Path) -> None:
    (bundle / "meshes").mkdir(parents=True)
    (bundle / "manifest.json").write_text(f'{{"prompt": "{prompt}", "seed": {seed}}}')
    for name, path in inputs.items():
        digest = digest_tree(path) if path.is_dir() else digest_file(path)
        (bundle / "meshes" / name).write_text(f"{path.name} {digest}")


def _until(file: Path, progress) -> None:
    for i in itertools.count():
        progress("steps", i / (i + 1), f"step {i}", step=float(i))
        if file.exists():
            break
        time.sleep(0.05)
    progress("steps", 1.0)


def _steps(count: int, seconds: float, progress) -> None:
    for i in range(count):
        progress("steps", i / count, f"step {i}", step=float(i))
        time.sleep(seconds)
    progress("steps", 1.0)

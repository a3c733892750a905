"""A batch on a Ray cluster that loses a machine, and one whose driver is killed.

Starts a cluster of a few machines with one core each on this one, and draws objects of a dataset
(``reel2sim dataset render``'s own work: read a model, draw 72 pictures, judge, write) or, with
``--kind make``, makes samples of prompts (that of ``reel2sim dataset make``: 24 pictures of 64²
with their truth) or, with ``--kind draft``, draft bundles of prompts. When a third of the jobs is
done, one machine is killed with all that runs on it. Then a second batch's driver is killed with
SIGKILL in the middle and started again. Counted are rows, bundles, and how often each job's work
was begun; bundles of some jobs are compared with those that one process makes.

Efficiency is the share of the time of all cores in which they did jobs that counted: seconds of
the attempts that were kept, over the seconds that there were cores for them, from the first
attempt to the last, one less after the kill. What is lost with the machine, waiting and starting
count against it. The serial figure compares wall time with one process that does the
same jobs one after the other, over the cores this computer has; it means something only where
nothing else runs.

Example::

    python benchmarks/service/batch.py                              # 60 jobs, minutes
    python benchmarks/service/batch.py --jobs 1000 --report batch.json
    python benchmarks/service/batch.py --kind make --machines 2
    python benchmarks/service/batch.py --jobs 1000 --kind draft     # hours
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from reel2sim.batch import (
    BatchConfig,
    BatchJob,
    Job,
    JobRunner,
    Made,
    ResultRow,
    Step,
    read_rows,
    run_batch,
)
from reel2sim.batch.pipeline_work import run_job
from reel2sim.dataset import Plan, Recipe, SampleJob, find_jobs, make_sample
from reel2sim.dataset.render import render_object

# Loopback, but not 127.0.0.1, in whose place Ray puts the machine's address in a network.
HERE = "127.0.0.2"
_TARGET = 0.9


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        jobs: of the batch that loses a machine; the driver is killed in one of a third as many.
        kind: draw an object, make a sample of a prompt, or make a draft bundle.
        machines: of one core each, one of which is killed.
        sample: jobs that one process does too, for comparison.
        report: also write the figures to this file (JSON).
        drive: folder of a batch to run on the cluster at ``address``; for the script itself.
        address: of a cluster.
    """

    jobs: int = 60
    kind: Literal["render", "make", "draft"] = "render"
    machines: int = 3
    sample: int = 5
    report: Path | None = None
    drive: Path | None = None
    address: str = ""


def main(options: Options) -> int:
    """Run both batches and print the table; exits with 1 if a figure misses its target."""
    if options.drive is not None:
        jobs = _jobs(options.drive, options.kind, options.jobs)
        config = BatchConfig(address=options.address, backoff_s=0.2)
        run_batch(jobs, options.drive / "out", config=config, steps=[_step(options.drive, options)])
        return 0
    with tempfile.TemporaryDirectory(prefix="reel2sim-batch-") as name:
        figures = {
            **_machine_killed(Path(name) / "machine", options),
            **_driver_killed(Path(name) / "driver", options),
        }
    figures["load_1m"] = round(os.getloadavg()[0], 1)
    missed = _show(figures)
    if options.report is not None:
        options.report.write_text(json.dumps({**figures, "missed": missed}, indent=1) + "\n")
    return 1 if missed else 0


def _machine_killed(folder: Path, options: Options) -> dict[str, Any]:
    """Figures of the batch that loses one of its machines."""
    import ray

    jobs = _jobs(folder, options.kind, options.jobs)
    cluster, nodes = _cluster(options.machines)
    killed: list[float] = []

    def kill(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        print(f"\r{message:<40} {metrics.get('done', 0):4.0f} of {len(jobs)}", end="", flush=True)
        if not killed and metrics.get("done", 0) >= len(jobs) / 3:
            killed.append(time.time())
            cluster.remove_node(nodes[1], allow_graceful=False)

    ray.init(address=cluster.address, _node_ip_address=HERE, log_to_driver=False)
    try:
        began = time.perf_counter()
        config = BatchConfig(retries=0, backoff_s=0.2)
        step = _step(folder, options)
        summary = run_batch(jobs, folder / "out", config=config, steps=[step], progress=kill)
        wall = time.perf_counter() - began
    finally:
        ray.shutdown()
        cluster.shutdown()
    print()
    rows = summary.rows
    serial_s, alike = _alone(folder, jobs, rows, options)
    begun = _begun(folder)
    cores = min(options.machines, os.cpu_count() or 1)
    return {
        "jobs": len(jobs),
        "done": sum(row.status == "ok" for row in rows),
        "rows": len((folder / "out/results.jsonl").read_text().splitlines()),
        "begun_more_than_once": sum(count > 1 for count in begun.values()),
        "lost_with_the_machine": sum(row.attempts > 1 for row in rows),
        "alike_with_one_process": alike,
        "wall_s": round(wall, 1),
        "job_s": round(sum(row.seconds for row in rows) / len(rows), 2),
        "efficiency": round(_efficiency(folder, rows, killed[0], options.machines), 3),
        "serial_scaling": round(serial_s * len(jobs) / cores / wall, 3),
    }


def _driver_killed(folder: Path, options: Options) -> dict[str, Any]:
    """Figures of the batch whose driver is killed and started again."""
    count = max(6, options.jobs // 3)
    cluster, _ = _cluster(2)
    command = [
        sys.executable, __file__, "--drive", str(folder), "--jobs", str(count),
        "--kind", options.kind, "--address", cluster.address,
    ]  # fmt: skip
    results = folder / "out/results.jsonl"
    try:
        driver = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while len(read_rows(results)) < count / 3 and driver.poll() is None:
            time.sleep(0.05)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        before = set(read_rows(results))
        code = subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode
    finally:
        cluster.shutdown()
    rows = read_rows(results)
    begun = _begun(folder)
    return {
        "driver_jobs": count,
        "driver_exit": code,
        "driver_done": sum(row.status == "ok" for row in rows.values()),
        "driver_rows": len(results.read_text().splitlines()),
        "driver_done_before_kill": len(before),
        "driver_noted_jobs_begun_again": sum(begun[name] > 1 for name in before),
    }


def _jobs(folder: Path, kind: str, count: int) -> list[Any]:
    """``count`` different jobs, the same at every call."""
    (folder / "begun").mkdir(parents=True, exist_ok=True)
    if kind == "draft":
        prompt = "a cabinet with a drawer"
        return [
            BatchJob(id=f"job{i:04d}", prompt=prompt, preset="draft", seed=i) for i in range(count)
        ]
    if kind == "make":
        plan = Plan(size=64, views=8, frames=8, most=2)
        return [SampleJob(plan, i) for i in range(count)]
    models = folder / "models"
    models.mkdir(exist_ok=True)
    for i in range(count):
        size = 0.3 + 0.4 * i / count
        (models / f"box{i:04d}.xml").write_text(
            f'<mujoco model="box{i}"><worldbody><body name="base">'
            f'<geom type="box" size="0.5 {size} 0.4" rgba=".3 .5 .8 1"/>'
            f'<body name="lid" pos="-0.5 0 0.5"><joint name="hinge" type="hinge" axis="0 -1 0" '
            f'range="0 {40 + i % 50}"/><geom type="box" pos="0.5 0 0" size="0.5 {size} 0.05" '
            'rgba=".9 .4 .2 1"/></body></body></worldbody></mujoco>'
        )
    return list(find_jobs([models], Recipe(size=192))[0])


def _step(folder: Path, options: Options) -> Step:
    """The work of a job, which notes when and where it was begun and ended."""
    log, do = folder / "begun", _WORK[options.kind]

    def work(job: Job, bundle: Path, scratch: Path) -> Made:
        with (log / job.id).open("a") as stream:
            stream.write(f"{time.time()}\n")
        return do(job, bundle, scratch)

    return Step(name=options.kind, work=work)


_WORK: dict[str, JobRunner] = {"render": render_object, "make": make_sample, "draft": run_job}


def _cluster(machines: int) -> tuple[Any, list[Any]]:
    """A head without cores, and machines of one core."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "node_ip_address": HERE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1, node_ip_address=HERE) for _ in range(machines)]
    cluster.wait_for_nodes()
    return cluster, nodes


def _begun(folder: Path) -> Counter[str]:
    """How often each job's work was begun."""
    return Counter(
        {path.name: len(path.read_text().split()) for path in (folder / "begun").iterdir()}
    )


def _efficiency(folder: Path, rows: tuple[ResultRow, ...], killed: float, machines: int) -> float:
    """Seconds of the attempts that counted over the seconds of the cores there were."""
    begun = {
        path.name: [float(x) for x in path.read_text().split()]
        for path in (folder / "begun").iterdir()
    }
    first = min(min(times) for times in begun.values())
    last = max(begun[row.id][-1] + row.seconds for row in rows)
    there = machines * (killed - first) + (machines - 1) * (last - killed)
    return sum(row.seconds for row in rows) / there


def _alone(
    folder: Path, jobs: list[Any], rows: tuple[ResultRow, ...], options: Options
) -> tuple[float, str]:
    """Seconds a job in one process, and how many of its bundles are those of the batch."""
    chosen = jobs[:: max(1, len(jobs) // options.sample)][: options.sample]
    digest = {row.id: row.digest for row in rows}
    config = BatchConfig(ray=False, workers=1)
    # The first job of a process pays for loading and compiling; it is done but not timed.
    step = Step(name="alone", work=_WORK[options.kind])
    found = run_batch(chosen, folder / "alone", config=config, steps=[step]).rows
    # A draft's manifest holds its timings, so that only drawn objects can be compared.
    same = sum(row.digest == digest[row.id] for row in found)
    timed = [row.seconds for row in found[1:]] or [found[0].seconds]
    alike = "not compared" if options.kind == "draft" else f"{same} of {len(found)}"
    return sum(timed) / len(timed), alike


def _show(figures: dict[str, Any]) -> list[str]:
    """Print the table; what misses its target."""
    jobs, more = figures["jobs"], figures["driver_jobs"]
    targets: dict[str, Any] = {
        "done": jobs,
        "rows": jobs,
        "driver_exit": 0,
        "driver_done": more,
        "driver_rows": more,
        "driver_noted_jobs_begun_again": 0,
    }
    missed = [name for name, target in targets.items() if figures[name] != target]
    if figures["efficiency"] < _TARGET:
        missed.append("efficiency")
    if figures["alike_with_one_process"] != "not compared":
        same, of = figures["alike_with_one_process"].split(" of ")
        missed += ["alike_with_one_process"] if same != of else []
    table = Table("figure", "value", "target")
    for name, value in figures.items():
        target = targets.get(name, f"≥ {_TARGET}" if name == "efficiency" else "")
        table.add_row(
            name.replace("_", " "), f"{value}{'  MISSED' * (name in missed)}", str(target)
        )
    Console().print(table)
    return missed


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__, config=(tyro.conf.FlagCreatePairsOff,))))

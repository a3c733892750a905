"""A batch on a Ray cluster of several machines, one of which goes away in the middle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reel2sim.batch import BatchConfig, BatchJob, Demand, Made, Step, read_rows, run_batch
from reel2sim.batch.cluster import patiently

ray = pytest.importorskip("ray")


# Loopback, but not 127.0.0.1, in whose place Ray puts the machine's address in a network.
HERE = "127.0.0.2"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores; machines are added by tests."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "node_ip_address": HERE, "include_dashboard": False}
    made = patiently(lambda: Cluster(initialize_head=True, head_node_args=head), ray.shutdown)
    ray.init(address=made.address, _node_ip_address=HERE, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


def machine(cluster: Any, *, num_cpus: int) -> Any:
    return patiently(
        lambda: cluster.add_node(num_cpus=num_cpus, node_ip_address=HERE), lambda: None
    )


def jobs(count: int) -> list[BatchJob]:
    return [BatchJob(id=f"job{i:02d}", prompt="x") for i in range(count)]


def noting(log: Path, *, doomed: str) -> Callable[..., Made]:
    """Work that notes that it was begun, and on which machine.

    The first job of each machine waits for those of the others, and the second one of the machine
    that is doomed for its end.
    """
    made = Made

    def work(job: BatchJob, bundle: Path, scratch: Path) -> Made:
        import ray

        node = ray.get_runtime_context().get_node_id()
        with (log / job.id).open("a") as stream:
            stream.write(f"{node}\n")
        begun = log.parent / "begun"
        again = (begun / node).exists()
        (begun / node).touch()
        while len(list(begun.iterdir())) < 3:
            time.sleep(0.02)
        if again and node == doomed:
            (log.parent / "waits").touch()
            time.sleep(600)
        bundle.mkdir(parents=True, exist_ok=True)
        (bundle / "made.txt").write_text(job.id)
        return made(facts={"node": node})

    return work


def test_all_jobs_are_done_once_though_a_machine_goes(cluster: Any, tmp_path: Path) -> None:
    nodes = [machine(cluster, num_cpus=1) for _ in range(3)]
    cluster.wait_for_nodes()
    log = tmp_path / "log"
    log.mkdir()
    (tmp_path / "begun").mkdir()

    def kill() -> None:
        while not (tmp_path / "waits").exists():
            time.sleep(0.02)
        cluster.remove_node(nodes[1], allow_graceful=False)

    # No failure is forgiven but the loss of a machine.
    config = BatchConfig(retries=0, backoff_s=0.1)
    work = noting(log, doomed=nodes[1].node_id)
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    summary = run_batch(jobs(18), tmp_path / "out", config=config, runner=work)
    killer.join()
    assert not summary.failed
    assert len({row.facts["node"] for row in summary.rows}) == 3
    again = [row for row in summary.rows if row.attempts > 1]
    assert again
    assert len(again) <= 4
    lines = (tmp_path / "out/results.jsonl").read_text().splitlines()
    assert len(lines) == len(read_rows(tmp_path / "out/results.jsonl")) == 18
    for row in summary.rows:
        assert (tmp_path / "out/bundles" / row.id / "made.txt").read_text() == row.id
        begun = (log / row.id).read_text().splitlines()
        assert 1 <= len(begun) <= row.attempts


def test_actors_load_once_and_steps_follow_each_other(cluster: Any, tmp_path: Path) -> None:
    machine(cluster, num_cpus=2)
    cluster.wait_for_nodes()
    made, loads = Made, tmp_path / "loads"

    class Model:
        """Stands for what holds a model: it is loaded with the actor."""

        def __init__(self) -> None:
            import os

            with loads.open("a") as stream:
                stream.write(f"{os.getpid()}\n")

        def __call__(self, job: BatchJob, bundle: Path, scratch: Path) -> Made:
            scratch.mkdir(parents=True)
            (scratch / "half.txt").write_text(job.id)
            return made()

    def finish(job: BatchJob, bundle: Path, scratch: Path) -> Made:
        bundle.mkdir(parents=True)
        (bundle / "made.txt").write_text((scratch / "half.txt").read_text())
        return made(joints=1)

    steps = [
        Step(name="model", work=Model, demand=Demand(cpus=0.5, gpus=0), holds=True, actors=1),
        Step(name="finish", work=finish, demand=Demand(cpus=0.5, memory_mb=10)),
    ]
    summary = run_batch(jobs(5), tmp_path / "out", config=BatchConfig(retries=0), steps=steps)
    assert not summary.failed
    assert len(loads.read_text().split()) == 1
    for row in summary.rows:
        assert (tmp_path / "out/bundles" / row.id / "made.txt").read_text() == row.id
        assert not (tmp_path / "out/scratch" / row.id).exists()

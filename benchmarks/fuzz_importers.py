"""Mutated files in, and what the importers do with them.

    python benchmarks/fuzz_importers.py [--count 12000] [--seconds S] [--jobs 2] [--keep DIR]

Small good files of every format that is read are mutated, by seed: bits, bytes, words, XML and
JSON fields, arrays, names of files that are out of bounds. Each is read in a worker process that
may die of it. A file is loaded or refused with an error of ours; anything else is a fault:

error   another exception, also for want of memory (4 GiB of address space)
crash   the process died
hang    over 5 s of the processor, or a minute by the clock without an answer
escape  a file out of the case's folder was opened, a process started or a host named; how that
        is seen, and what is not, says ``fuzz/watch.py``

Prints a line for each format and each distinct fault; exit status 1 on any. ``--replay NAME:INDEX``
reads one file again and prints what comes of it.
"""

from __future__ import annotations

import argparse
import json
import queue
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from fuzz.worker import Cases, Outcome, read

KINDS = ("loaded", "refused", "error", "crash", "hang", "escape")
FAULTS = KINDS[2:]
SHARES = {
    "URDF": 5, "MJCF": 5, "USDA": 4, "USDC": 2, "own GLB": 4, "asset": 4, "scene": 2, "OBJ": 3,
    "STL": 2, "DAE": 3, "PLY": 3, "GLB": 2, "GLTF": 2,
}  # fmt: skip
"""How many of a round's files are of a format; one for those not named."""
MOST_SECONDS, MOST_WAIT_S = 5.0, 60.0


@dataclass
class Tally:
    """What came of all files so far."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, index: int, outcome: Outcome) -> None:
        with self.lock:
            self.counts.setdefault(name, Counter())[outcome.kind] += 1
            self.slowest[name] = max(self.slowest.get(name, 0.0), outcome.cpu_s)
            if outcome.kind in FAULTS:
                text = re.sub(r"0x[0-9a-f]+|\d{4,}|'[^']*'|\[[^]]*\]", "#", outcome.text)[:160]
                found = self.faults.setdefault(f"{outcome.kind} {name}: {text}", [])
                found.append(f"{name}:{index}")

    def table(self) -> str:
        """A line for each format, and their sum."""
        rows = ["| format | files | " + " | ".join(KINDS) + " | slowest s |",
                "|---|" + "---:|" * (len(KINDS) + 2)]  # fmt: skip
        total: Counter[str] = Counter()
        for name, counts in self.counts.items():
            total += counts
            cells = " | ".join(str(counts[kind]) for kind in KINDS)
            rows.append(f"| {name} | {counts.total()} | {cells} | {self.slowest[name]:.1f} |")
        cells = " | ".join(str(total[kind]) for kind in KINDS)
        slowest = max(self.slowest.values(), default=0.0)
        rows.append(f"| all | {total.total()} | {cells} | {slowest:.1f} |")
        return "\n".join(rows)


class Worker:
    """A process that reads files, started again whenever it ends."""

    def __init__(self, root: Path, seed: int, memory: float) -> None:
        self.root, self.seed, self.memory = root, seed, memory
        self.process: subprocess.Popen[str] | None = None

    def ask(self, name: str, index: int) -> Outcome:
        """What comes of a file."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        start, spent = time.monotonic(), self._spent(process)
        process.stdin.write(json.dumps([name, index]) + "\n")
        process.stdin.flush()
        while not select.select([process.stdout], [], [], 0.5)[0]:
            cpu, wall = self._spent(process) - spent, time.monotonic() - start
            if cpu > MOST_SECONDS + 1 or wall > MOST_WAIT_S:
                self.stop()
                return Outcome("hang", f"{cpu:.0f} s of the processor, {wall:.0f} s", cpu)
        line = process.stdout.readline()
        if not line:
            status = process.wait()
            self.process = None
            return Outcome("crash", f"status {status}: {self._stack()}")
        outcome = Outcome(**json.loads(line))
        if outcome.cpu_s > MOST_SECONDS and outcome.kind not in FAULTS:
            return Outcome("hang", f"{outcome.kind} at last: {outcome.text}", outcome.cpu_s)
        return outcome

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _running(self) -> subprocess.Popen[str]:
        if self.process is None:
            shutil.rmtree(self.root, ignore_errors=True)
            code = "from fuzz.worker import main; main()"
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, str(self.root), str(self.seed), str(self.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parent,
            )
            assert self.process.stdout is not None
            told = self.process.stdout.readline()
            if told != "ready\n":
                raise RuntimeError(f"a worker cannot start: {told or 'it says nothing'}")
        return self.process

    def _spent(self, process: subprocess.Popen[str]) -> float:
        try:
            times = psutil.Process(process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def _stack(self) -> str:
        path = self.root / "stack.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return " ".join(" ".join(line.split()) for line in lines[:6])


def keep(folder: Path, root: Path, name: str, index: int, outcome: Outcome) -> None:
    """Copy a case that failed, and say how."""
    target = folder / f"{name}-{index}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / "case", target, symlinks=True)
    (target / "outcome.txt").write_text(f"{outcome.kind}: {outcome.text}\n")


def work(worker: Worker, jobs: queue.Queue[tuple[str, int]], tally: Tally, until: float,
         kept: Path | None) -> None:  # fmt: skip
    """Take jobs until there are none or the time is up."""
    while time.monotonic() < until:
        try:
            name, index = jobs.get_nowait()
        except queue.Empty:
            break
        outcome = worker.ask(name, index)
        tally.add(name, index, outcome)
        if kept is not None and outcome.kind in FAULTS:
            keep(kept, worker.root, name, index, outcome)
    worker.stop()


def plan(names: list[str], count: int, start: int) -> queue.Queue[tuple[str, int]]:
    """Which files, formats taking turns by their shares."""
    jobs: queue.Queue[tuple[str, int]] = queue.Queue()
    following = dict.fromkeys(names, start)
    left = count
    while left > 0:
        for name in names:
            for _ in range(min(SHARES.get(name, 1), left)):
                jobs.put((name, following[name]))
                following[name] += 1
                left -= 1
    return jobs


def replay(case: str, seed: int, known: dict) -> None:
    name, _, index = case.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        cases = Cases(Path(folder))
        path = cases.write(known[name], name, int(index), seed)
        print(json.dumps(read(known[name], path, None).__dict__, indent=1))


def main() -> None:
    from fuzz.corpus import formats

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = formats()
    parser.add_argument("--count", type=int, default=12_000, help="files altogether")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--formats", nargs="+", choices=list(known), default=list(known))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="number of each format's first file")
    parser.add_argument("--memory", type=float, default=4.0, help="GiB of address space")
    parser.add_argument("--keep", type=Path, help="copy files that fail here")
    parser.add_argument("--replay", metavar="NAME:INDEX", help="read one file again")
    options = parser.parse_args()
    if options.replay:
        replay(options.replay, options.seed, known)
        return
    jobs, tally = plan(options.formats, options.count, options.start), Tally()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reel2sim-fuzz-") as folder:
        workers = [
            Worker(Path(folder, f"worker{k}"), options.seed, options.memory)
            for k in range(options.jobs)
        ]
        until = begin + options.seconds
        threads = [
            threading.Thread(target=work, args=(w, jobs, tally, until, options.keep))
            for w in workers
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(10)
            done = sum(c.total() for c in tally.counts.values())
            bad = sum(len(found) for found in tally.faults.values())
            print(f"{done} files, {bad} faults, {time.monotonic() - begin:.0f} s",
                  file=sys.stderr, flush=True)  # fmt: skip
    print(tally.table())
    missing = 0 if options.seconds < float("inf") else jobs.qsize()
    if missing:
        print(f"FAIL: {missing} files were not read; see above")
    for fault, cases in sorted(tally.faults.items(), key=lambda item: -len(item[1])):
        print(f"{len(cases):>5} × {fault} [{', '.join(cases[:3])}]")
    sys.exit(bool(tally.faults or missing or not tally.counts))


if __name__ == "__main__":
    main()

"""One run in one server, again from its cache, and once more over three servers.

Servers listen on loopback with one worker each: the first does everything; then a pipeline server
calls one for the reconstruction and one for the rigging. Told are wall seconds as a client sees
them, upload and download included, whether the bundles are the same but for their timings, and
how long a cancel takes to end the work on the stage server.

Example::

    python benchmarks/service/split.py examples/drawer --preset draft --report split.json
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table

from reel2sim.cli.options import Preset
from reel2sim.client import Client
from reel2sim.scene.digest import digest_file

CACHED_SHARE = 0.02
CANCEL_S = 2.0


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        source: capture folder or video.
        preset: effort.
        max_size: largest side of a frame, pixels; None keeps them.
        work: folder for servers and bundles; a temporary one if None.
        report: also write the figures to this file (JSON).
    """

    source: tyro.conf.Positional[Path]
    preset: Preset = "draft"
    max_size: int | None = None
    work: Path | None = None
    report: Path | None = None


@dataclass(frozen=True)
class Row:
    """One figure and what it should be; ``good`` is False where it is not."""

    what: str
    figure: str
    target: str
    good: bool


def main(options: Options) -> int:
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        rows = measure(options, work)
    table = Table("test", "figure", "target", "met")
    for row in rows:
        table.add_row(row.what, row.figure, row.target, "yes" if row.good else "NO")
    Console().print(table)
    if options.report is not None:
        options.report.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0 if all(row.good for row in rows) else 1


def measure(options: Options, work: Path) -> list[Row]:
    with server(work / "one") as address:
        first = seconds_of_run(address, options, work / "first")
        again = seconds_of_run(address, options, work / "again")
    with (
        server(work / "reconstruct", "--kinds", "reconstruct") as one,
        server(work / "rig", "--kinds", "rig") as two,
        server(
            work / "pipeline",
            *("--stage", f"reconstruct={one}", "--stage", f"rig={two}"),
        ) as address,
    ):
        split = seconds_of_run(address, options, work / "split")
        split_again = seconds_of_run(address, options, work / "split_again")
        cancel = seconds_of_cancel(address, one, options)
    return [
        Row("first run, one server", f"{first:.1f} s", "", True),
        shared("second run, one server", again, first),
        Row("first run, three servers", f"{split:.1f} s", "", True),
        shared("second run, three servers", split_again, split),
        *(
            Row(f"files that differ: {name}", str(len(odd)), "0", not odd)
            for name in ("again", "split", "split_again")
            for odd in [differing(work / "first", work / name)]
        ),
        Row("cancel ends the stage elsewhere", f"{cancel:.2f} s", "≤ 2 s", cancel <= CANCEL_S),
    ]


def shared(what: str, seconds: float, whole: float) -> Row:
    """A row for a run that should cost a small share of another one."""
    share = seconds / whole
    return Row(what, f"{seconds:.1f} s, {share:.2%} of the first", "≤ 2 %", share <= CACHED_SHARE)


@contextlib.contextmanager
def server(data_dir: Path, *arguments: str) -> Iterator[str]:
    """A server in a process of its own; yields its address."""
    command = (sys.executable, "-m", "reel2sim.cli.main", "serve", "--data-dir", str(data_dir))
    process = subprocess.Popen(
        [*command, "--address", "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(60)


def seconds_of_run(address: str, options: Options, out: Path) -> float:
    """Wall seconds from the call to the bundle on this side."""
    shutil.rmtree(out, ignore_errors=True)
    with Client(address) as client:
        began = time.perf_counter()
        client.run(options.source, out=out, preset=options.preset, max_size=options.max_size)
        return time.perf_counter() - began


def seconds_of_cancel(address: str, stage_server: str, options: Options) -> float:
    """Wall seconds from a cancel at ``address`` to the end of the work on ``stage_server``."""
    with Client(address) as client, Client(stage_server) as there:
        run = client.start(options.source, preset=options.preset, seed=1, max_size=options.max_size)
        while True:
            running = list(there.list(filter="state=RUNNING"))
            if running and running[0].fraction > 0.02 and running[0].stage == "reconstruction":
                break
            time.sleep(0.2)
        began = time.perf_counter()
        client.cancel(run.name)
        while not there.get(running[0].name).done:
            time.sleep(0.01)
        return time.perf_counter() - began


def differing(a: Path, b: Path) -> list[str]:
    """Files that are not the same in both bundles; the manifests' timings are left out."""
    names = {
        path.relative_to(folder)
        for folder in (a, b)
        for path in folder.rglob("*")
        if path.is_file()
    }
    return [str(name) for name in sorted(names) if content(a / name) != content(b / name)]


def content(path: Path) -> str:
    """Digest of a file, or of a manifest as text without its timings."""
    if not path.is_file():
        return "missing"
    if path.name != "manifest.json":
        return digest_file(path)
    record = json.loads(path.read_text())
    del record["timings"]
    return json.dumps(record)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))

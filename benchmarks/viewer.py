"""How fast the viewer is: when a page shows everything, how sliders answer, what memory does.

The bundle is made on the spot: boxes on hinges in a chain, covered with splats. It is served by
`reel2sim view` in a process of its own. One client speaks to it as pages do, without drawing; a
Chromium without a window, if there is one, draws. Beside seconds by the clock stands the processor
time that they took, which a busy machine changes less.

Example::

    python benchmarks/viewer.py --report viewer.json
    python benchmarks/viewer.py --splats 400000 --links 30 --moves 5000
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
import tyro
from PIL import Image
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.errors import MissingDependencyError
from reel2sim.scene.store import save_asset
from reel2sim.viewing.browser import Tab, browser_tab
from tests.viewing.helpers.wire import Wire, connected

WITHIN_S, ANSWER_S, GROWTH = 3.0, 0.1, 0.05
"""What is wanted: all shown, a slider answered, and growth of memory as a share."""
LEAST_SEEN = 0.005
"""Share of a picture that has the colours of splats once they are seen."""
SIZE = (960, 640)
_RENDERER = """(() => {
  const gl = document.createElement('canvas').getContext('webgl2');
  const more = gl && gl.getExtension('WEBGL_debug_renderer_info');
  return more ? gl.getParameter(more.UNMASKED_RENDERER_WEBGL) : 'nobody knows what';
})()"""
BOX = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
HALF = np.array([0.05, 0.04, 0.04])


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        splats: splats of the bundle.
        links: links of the bundle.
        moves: times that a slider is moved.
        browser: whether to measure a browser, too.
        report: also write the figures to this file (JSON).
    """

    splats: int = 100_000
    links: int = 12
    moves: int = 1000
    browser: bool = True
    report: Path | None = None


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: what of.
        value: how much.
        unit: of what.
        wanted: at most so much; None if nothing is.
    """

    name: str
    value: float
    unit: str
    wanted: float | None = None


def chain(splats: int, links: int) -> RiggedAsset:
    """Boxes in a row on hinges, splats all over them."""
    rng = np.random.default_rng(0)
    owner = rng.integers(0, links, splats)
    colors = rng.uniform(0.2, 0.9, (links, 3))
    sides = rng.uniform(-1, 1, (splats, 3))
    sides[np.arange(splats), rng.integers(0, 3, splats)] = rng.choice([-1.0, 1.0], splats)
    step = np.array([0.12, 0.0, 0.0])
    surfels = Surfels.from_colors(
        means=sides * HALF + owner[:, None] * step,
        rotations=rng.normal(size=(splats, 4)),
        scales=rng.uniform(0.001, 0.003, (splats, 2)),
        opacities=rng.uniform(0.5, 1.0, splats),
        colors=np.clip(colors[owner] + rng.normal(0, 0.05, (splats, 3)), 0, 1),
    )
    mesh = TriangleMesh(BOX * HALF, FACES)
    body = Inertial(0.5, np.zeros(3), np.eye(3) * 1e-3)
    limits = JointLimits(-1.0, 1.0, 5.0, 3.0)
    times = np.linspace(0.0, 2.0, 24)
    joints = tuple(
        Joint(
            f"joint_{i}", JointType.REVOLUTE, f"link_{i - 1}", f"link_{i}",
            step, np.eye(3)[1 + i % 2], limits,
        )
        for i in range(1, links)
    )  # fmt: skip
    swing = {j.name: 0.3 * np.sin(3 * times + k) for k, j in enumerate(joints)}
    return RiggedAsset(
        "chain",
        tuple(Link(f"link_{i}", mesh, (mesh,), body) for i in range(links)),
        joints,
        Motion(times, np.tile(np.eye(4), (len(times), 1, 1)), swing),
        surfels,
        owner,
    )


@contextmanager
def served(path: Path) -> Iterator[tuple[int, psutil.Process, float]]:
    """Port and process of a viewer, and the seconds until it served."""
    command = [sys.executable, "-m", "reel2sim.cli.main", "view", str(path), "--port", "0"]
    start = time.perf_counter()
    viewer = subprocess.Popen(
        [*command, "--no-open", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert viewer.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(viewer.stdout.readline())
            if not lines[-1]:
                raise RuntimeError("the viewer ended")
        port = json.loads("".join(lines))["port"]
        yield port, psutil.Process(viewer.pid), time.perf_counter() - start
    finally:
        viewer.terminate()
        viewer.wait()


def connecting(port: int) -> list[Figure]:
    """A client that draws nothing gets the scene."""
    with connected(port):  # the first one also loads what the server had not needed before
        pass
    start = time.perf_counter()
    with connected(port) as wire:
        seconds = time.perf_counter() - start
        sent = wire.bytes
    return [
        Figure("scene sent to a client", seconds, "s"),
        Figure("… size", sent / 2**20, "MiB"),
    ]


def sliding(port: int, server: psutil.Process, moves: int) -> list[Figure]:
    """A slider is moved, each time after the answer to the last."""
    with connected(port) as wire:
        slider = wire.control("joint_1")
        swing(wire, slider, moves // 5)  # what is allocated once is allocated
        before, rss = processor_s(server), server.memory_info().rss
        answers = swing(wire, slider, moves)
        spent, grown = processor_s(server) - before, server.memory_info().rss - rss
    return [
        Figure("slider answered, median", float(np.median(answers)) * 1e3, "ms"),
        Figure("… 99 of 100", float(np.quantile(answers, 0.99)) * 1e3, "ms", ANSWER_S * 1e3),
        Figure("… slowest", float(np.max(answers)) * 1e3, "ms"),
        Figure("… processor time of the server", spent / moves * 1e3, "ms"),
        Figure("memory of the server", (rss + grown) / 2**20, "MiB"),
        Figure(f"… grown by {moves} moves", 100 * grown / rss, "%", 100 * GROWTH),
    ]


def swing(wire: Wire, slider: str, moves: int) -> list[float]:
    """Seconds from each move to the poses that answer it."""
    found: list[float] = []
    for k in range(moves):
        start = time.perf_counter()
        wire.set(slider, float(np.sin(0.37 * k + 0.1)))
        wire.until("SetOrientationMessage")
        found.append(time.perf_counter() - start)
        wire.forget()
    return found


def drawing(port: int, moves: int) -> list[Figure]:
    """A browser opens the page and draws, in software where there is no graphics card."""
    with browser_tab("about:blank", width=SIZE[0], height=SIZE[1]) as tab:
        before, start = browser_s(), time.perf_counter()
        tab.ask("Page.navigate", url=f"http://127.0.0.1:{port}/")
        while not tab.run("document.body && document.body.innerText.includes('joint_1')"):
            time.sleep(0.02)
        ready = time.perf_counter() - start
        tab.ask("Page.startScreencast", format="png", everyNthFrame=1)
        while coverage(tab.shown()) < LEAST_SEEN:
            pass
        seen, spent = time.perf_counter() - start, browser_s()
        tab.ask("Page.stopScreencast")
        print(f"drawn by {tab.run(_RENDERER)}", file=sys.stderr)
        with connected(port) as wire:
            slider = wire.control("joint_1")
            swing(wire, slider, moves // 5)
            heap = settled_heap(tab)
            swing(wire, slider, moves)
        grown = settled_heap(tab) - heap
    thought, drawn = (after - old for after, old in zip(spent, before, strict=True))
    return [
        Figure("page opened and connected", ready, "s"),
        Figure("splats seen", seen, "s", WITHIN_S),
        Figure("… processor time, drawing aside", thought, "s"),
        Figure("… processor time of drawing", drawn, "s"),
        Figure("memory of the page", heap / 2**20, "MiB"),
        Figure(f"… grown by {moves} moves", 100 * grown / heap, "%", 100 * GROWTH),
    ]


def coverage(png: bytes) -> float:
    """Share of a picture's left half that has the colours of splats."""
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float)
    left = picture[:, : picture.shape[1] // 2]
    left = left[left.shape[0] // 3 :]  # what the page says of the graphics card is above
    return float((np.ptp(left, axis=2) > 30).mean())


def settled_heap(tab: Tab) -> float:
    """Bytes that the page's scripts hold after what is free was collected."""
    tab.ask("HeapProfiler.collectGarbage")
    return float(tab.ask("Runtime.getHeapUsage")["usedSize"])


def processor_s(process: psutil.Process) -> float:
    """Processor time of a process so far, seconds."""
    times = process.cpu_times()
    return times.user + times.system


def browser_s() -> tuple[float, float]:
    """Processor time of the browser's processes, but for that which draws, and of that one."""
    total = {False: 0.0, True: 0.0}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it may have ended
            if "chrom" in child.name():
                total["--type=gpu-process" in child.cmdline()] += processor_s(child)
    return total[False], total[True]


def main(options: Options) -> int:
    """Measure and tell."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.npz"
        save_asset(path, chain(options.splats, options.links))
        with served(path) as (port, server, seconds):
            figures.append(Figure("viewer serves after its start", seconds, "s"))
            figures += connecting(port)
            figures += sliding(port, server, options.moves)
            if options.browser:
                try:
                    figures += drawing(port, options.moves)
                except MissingDependencyError as error:
                    print(f"no figures of a browser: {error}", file=sys.stderr)
    title = f"{options.splats} splats, {options.links} links, {os.getloadavg()[0]:.1f} other tasks"
    table = Table("figure", "value", "wanted", "", title=title)
    for x in figures:
        wanted = "" if x.wanted is None else f"≤ {x.wanted:g} {x.unit}"
        kept = "" if x.wanted is None else "yes" if x.value <= x.wanted else "no"
        table.add_row(x.name, f"{x.value:.3g} {x.unit}", wanted, kept)
    Console().print(table)
    if options.report is not None:
        record = {"options": asdict(options), "figures": [asdict(x) for x in figures]}
        options.report.write_text(json.dumps(record, indent=2, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))

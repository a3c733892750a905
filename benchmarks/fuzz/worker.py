"""A process that reads mutated files one after another and says what came of each.

Started by ``fuzz_importers.py``: a line of JSON in for each file, one out. It may die of a file.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fuzz.corpus import Format, canaries, formats
from fuzz.mutate import mutated
from fuzz.watch import Watch

_OWN = "reel2sim"


@dataclass(frozen=True)
class Outcome:
    """What came of a file.

    Attributes:
        kind: loaded, refused, error, crash, hang or escape.
        text: of the error, or what was opened.
        cpu_s: seconds of the processor that it took.
    """

    kind: str
    text: str = ""
    cpu_s: float = 0.0


class Cases:
    """Mutated files by number, in a folder of their own beside one that is out of bounds."""

    def __init__(self, root: Path) -> None:
        self.folder, self.outside = root / "case", root / "outside"
        self.outside.mkdir(parents=True)
        for name, data in canaries().items():
            (self.outside / name).write_bytes(data)
        names = sorted(canaries())
        self.names = [
            *(f"../outside/{name}" for name in names),
            *(str(self.outside / name) for name in names),
            *(f"file://{self.outside / name}" for name in names),
            *(f"package://case/../outside/{name}" for name in names),
            *(f"linked/{name}" for name in names),
            *(f"x/../../outside/{name}" for name in names),
            "linked.obj",
        ]

    def write(self, form: Format, name: str, index: int, seed: int) -> Path:
        """Write case ``index``; gives the file to read."""
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), index])
        files = dict(form.seeds[index % len(form.seeds)])
        # Of a mesh, the description around it stays as it is.
        meshes = [n for n in files if n.startswith("m.")]
        if f"m.{name.lower()}" in meshes:
            chosen = str(rng.choice(meshes))
        else:
            chosen = form.main if rng.random() < 0.7 else str(rng.choice(list(files)))
        files[chosen] = mutated(chosen, files[chosen], rng, self.names)
        shutil.rmtree(self.folder, ignore_errors=True)
        for file, data in files.items():
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (self.folder / "linked").symlink_to(self.outside)
        (self.folder / "linked.obj").symlink_to(self.outside / "canary.obj")
        return self.folder / form.main


def read(form: Format, path: Path, watch: Watch | None) -> Outcome:
    """Read one file."""
    from reel2sim.scene.errors import Reel2SimError

    kind, text = "loaded", ""
    start = time.process_time()
    if watch is not None:
        watch.begin()
    try:
        found = form.load(path)
        poses = getattr(found, "rest_poses", None)
        if poses is not None and not np.isfinite(poses).all():
            kind, text = "error", "an asset whose poses are not finite"
    except Reel2SimError as error:
        kind, text = "refused", str(error)
    except BaseException as error:
        kind, text = "error", _where(error)
    finally:
        seen = [] if watch is None else watch.end()
    if seen:
        kind, text = "escape", "; ".join(seen[:3])
    return Outcome(kind, text[:2000], time.process_time() - start)


def _where(error: BaseException) -> str:
    """The error and the places of ours it came through, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if _OWN in f.filename]
    last = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__} at {' '.join(places[-2:])} ({last}): {str(error)[:300]}"


def main() -> None:
    """Serve: arguments are a folder, the seed and gigabytes of memory."""
    root, seed, memory = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    root.mkdir(parents=True, exist_ok=True)
    (root / "tmp").mkdir()
    tempfile.tempdir = str(root / "tmp")
    stack = (root / "stack.txt").open("w")
    faulthandler.enable(stack, all_threads=False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    known, cases = formats(), Cases(root)
    for form in known.values():  # loads what the first file of each kind loads
        for seed_files in form.seeds:
            for file, data in seed_files.items():
                path = cases.folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            answer = read(form, cases.folder / form.main, None)
            if answer.kind != "loaded":
                answers.write(f"a good file is not read: {answer}\n")
                raise SystemExit(1)
            shutil.rmtree(cases.folder)
    repository = Path(__file__).resolve().parents[2]
    own = [Path(p) for p in sys.path if p] + [Path(sys.prefix), Path(sys.base_prefix), repository]
    watch = Watch(cases.outside, [cases.folder, root / "tmp", *own])
    limit = int(memory * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers.write("ready\n")
    for line in sys.stdin:
        name, index = json.loads(line)
        path = cases.write(known[name], name, index, seed)
        answers.write(json.dumps(asdict(read(known[name], path, watch))) + "\n")


if __name__ == "__main__":
    main()

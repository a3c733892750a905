"""A training set made by the scripted backend, one file a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from reel2sim.generation.scripted.families import check_families
from reel2sim.generation.truth import Truth
from reel2sim.generation.uvit.config import Layout
from reel2sim.generation.uvit.motion import front_tracks, motion_magnitude
from reel2sim.generation.uvit.prompts import DEFAULT, random_prompt
from reel2sim.generation.uvit.sample import SAMPLES, Sample, write_sample
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import PromptError, UsageError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Frame, Reel


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        samples: files that are there, old ones included.
        made: of these, new ones.
        refused: prompts that the backend did not understand, with what it said.
    """

    samples: int
    made: int
    refused: tuple[str, ...]


def make_data(
    out: Path,
    *,
    count: int,
    layout: Layout,
    families: tuple[str, ...] = DEFAULT,
    longest: int = 40,
    prompts: Sequence[str] = (),
    seed: int = 0,
    workers: int = 1,
    progress: Progress = silent,
) -> Made:
    """Make samples ``000000.npz`` … in ``out/samples``; those that are there stay.

    Sample k has a prompt drawn with ``seed`` and k, or ``prompts[k]`` in turns, and is generated
    with the same numbers: how many are made, and by how many workers, changes none of them.

    Args:
        out: folder of the data set.
        count: samples.
        layout: of their frames.
        families: what random prompts are about.
        longest: most tokens of a random prompt.
        prompts: to take instead of random ones.
        seed: of prompts, textures and all else.
        workers: processes.
        progress: told as samples get ready; may cancel.

    Raises:
        UsageError: if there is nothing to make or an unknown family.
    """
    check_families(families, source="data")
    if count < 1 or workers < 1 or not families:
        raise UsageError("must be at least 1", source="data", field="count, workers, families")
    folder = out / SAMPLES
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [k for k in range(count) if not (folder / f"{k:06d}.npz").exists()]
    make = partial(_make, folder, layout, families, longest, tuple(prompts), seed)
    refused: list[str] = []
    for done, answer in enumerate(_each(make, wanted, workers), start=1):
        if answer:
            refused.append(answer)
        progress("data", done / len(wanted), f"{done} of {len(wanted)}")
    return Made(len(list(folder.glob("*.npz"))), len(wanted) - len(refused), tuple(refused))


def _each(make: Callable[[int], str], wanted: list[int], workers: int) -> Iterator[str]:
    if workers == 1:
        yield from map(make, wanted)
        return
    # Spawned, as in batches: forked children inherit threads' locks in whatever state.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        left: set[Future[str]] = {pool.submit(make, k) for k in wanted}
        try:
            while left:
                done, left = wait(left, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            for future in left:
                future.cancel()


def _make(
    folder: Path,
    layout: Layout,
    families: tuple[str, ...],
    longest: int,
    prompts: tuple[str, ...],
    seed: int,
    k: int,
) -> str:
    """Make sample ``k``; what the backend said if it refused the prompt, else ""."""
    from reel2sim.pipeline.atomic import write_atomically

    rng = np.random.default_rng([seed, k])
    prompt = prompts[k % len(prompts)] if prompts else random_prompt(rng, families, longest=longest)
    try:
        sample = film(prompt, layout, seed=int(rng.integers(2**32)))
    except PromptError as error:
        return str(error)
    write_atomically(folder / f"{k:06d}.npz", lambda path: write_sample(sample, path))
    return ""


def film(prompt: str, layout: Layout, *, seed: int) -> Sample:
    """A sample of ``prompt`` by the scripted backend.

    Raises:
        PromptError: if it does not understand the prompt.
    """
    from reel2sim.generation.backend import GenerationConfig
    from reel2sim.generation.make import generate

    config = GenerationConfig(
        seed=seed, frames=layout.moving, size=layout.size, views=layout.static, fixed=1
    )
    made = generate(prompt, config=config)
    return sample_of(made.reel, made.truth, prompt, layout)


def sample_of(reel: Reel, truth: Truth | None, prompt: str, layout: Layout) -> Sample:
    """A generated reel as a sample.

    Raises:
        UsageError: if it has not the streams of ``layout``.
    """
    images, frames = pictures(reel, layout)
    tracks = np.zeros((0, layout.front, 2), np.float32)
    camera = frames[layout.first_front].camera
    if truth is not None and camera is not None:
        tracks = front_tracks(truth, camera, layout)
    return Sample(
        images=images,
        cameras=tuple(frame.camera for frame in frames if frame.camera is not None),
        times_s=np.array([frame.time_s for frame in frames]),
        tracks=tracks,
        prompt=prompt,
        motion=motion_magnitude(images, layout),
    )


def pictures(reel: Reel, layout: Layout) -> tuple[Array, tuple[Frame, ...]]:
    """RGBA over white ``(f, h, w, 4)`` uint8 of a calibrated, masked reel, and its frames.

    Raises:
        UsageError: if the reel has not the streams of ``layout``.
    """
    streams = reel.streams
    wanted = {"static": layout.static, "orbit": layout.moving, "front": layout.front}
    if {name: len(frames) for name, frames in streams.items()} != wanted:
        raise UsageError(f"has not the streams {wanted}", source=reel.source or "reel")
    frames = tuple(frame for name in wanted for frame in streams[name])
    found: list[Array] = []
    for frame in frames:
        mask = np.full(frame.image.shape[:2], 255, np.uint8) if frame.mask is None else frame.mask
        share = mask[..., None] / 255.0
        over = np.rint(frame.image * share + 255.0 * (1.0 - share))
        found.append(np.concatenate([over.astype(np.uint8), mask[..., None]], axis=-1))
    return np.stack(found), frames

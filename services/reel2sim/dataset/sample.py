"""One sample of a generated dataset: a capture and all that is true of it, in a folder."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.batch.attempt import Made
from reel2sim.dataset.filters import Figures, measured, motion_magnitude, outside, reasons
from reel2sim.dataset.plan import Draw, Plan, draw
from reel2sim.dataset.sheet import strip
from reel2sim.dataset.storing import STRIP_FILE, save_picture, write_json
from reel2sim.exporters.staging import staged_folder
from reel2sim.generation import GeneratedReel, Truth, generate
from reel2sim.generation.make import filmed_with
from reel2sim.generation.truth import write_truth
from reel2sim.generation.view_truth import write_views
from reel2sim.media import write_capture
from reel2sim.pipeline.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.digest import digest_config
from reel2sim.scene.errors import InputError
from reel2sim.scene.reel import Frame
from reel2sim.scene.rig import JointType

VERSION = 1
"""Raised when the same plan and index give other files."""

SAMPLE_FILE = "sample.json"
JOINT_TYPES = tuple(kind.value for kind in JointType if kind.dof)


@dataclass(frozen=True)
class SampleJob:
    """One sample to make."""

    plan: Plan
    index: int

    @property
    def id(self) -> str:
        """Names its folder; in the order of indices."""
        return f"{self.index:08d}"

    @property
    def digest(self) -> str:
        """sha256 of what is asked for."""
        return digest_config("sample", VERSION, self.index, self.plan)


def make_sample(job: SampleJob, folder: Path, scratch: Path) -> Made:
    """Make one sample; what the filters say of it is part of the result.

    The folder is a capture (``transforms.json``, ``images``) with its truth, as ``reel2sim
    generate --truth`` writes it, besides ``sample.json`` and a strip to look at. Of a rejected
    sample there are only these two, unless the plan keeps it.

    Args:
        job: the sample.
        folder: made, or replaced.
        scratch: not used.
    """
    _use_one_core()
    began = time.process_time()
    plan, asked = job.plan, draw(job.plan, job.index)
    ideal, truth = _ideal(asked)
    figures = _figures(ideal, truth)
    why = reasons(figures, least_motion=plan.least_motion, most_overflow=plan.most_overflow)
    kinds = Counter(joint.type.value for joint in truth.joints)
    setting = asked.config.setting
    facts: dict[str, Any] = {
        "verdict": "rejected" if why else "passed",
        "why": "; ".join(why),
        "prompt": asked.prompt,
        "families": list(asked.families),
        "joint_types": {kind: kinds[kind] for kind in JOINT_TYPES if kinds[kind]},
        "pictures": len(ideal.reel.frames),
        **{name: round(value, 6) for name, value in asdict(figures).items()},
        "background": setting.background,
        "lighting": setting.lighting,
        "sensor": setting.sensor,
    }
    with staged_folder(folder, overwrite=True) as made:
        reel = ideal.reel
        if plan.keep_rejected or not why:
            reel = filmed_with(ideal, asked.config).reel
            write_capture(reel, made)
            write_truth(truth, made)
            if plan.truth == "full" and ideal.views is not None:
                write_views(truth, ideal.views, made)
        record = {"id": job.id, "index": job.index, "seed": asked.config.seed, **facts}
        write_json(made / SAMPLE_FILE, record)
        shown = {name: [_opaque(f) for f in some] for name, some in reel.streams.items()}
        save_picture(made / STRIP_FILE, strip(shown))
    facts["cpu_s"] = round(time.process_time() - began, 3)
    return Made(joints=len(truth.joints), facts=facts)


def read_facts(folder: Path) -> dict[str, Any]:
    """What :func:`make_sample` noted of a sample.

    Raises:
        InputError: if its file is missing or malformed.
    """
    path = folder / SAMPLE_FILE
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    except (ValueError, TypeError) as cause:
        raise InputError(f"is not the record of a sample: {cause}", source=path) from cause


def _use_one_core() -> None:
    """Keep the numerics to the one core that the work was given; torch has no part in them."""
    import cv2
    import numba

    numba.set_num_threads(1)
    cv2.setNumThreads(1)


def _ideal(asked: Draw) -> tuple[GeneratedReel, Truth]:
    """What a camera without faults takes: the filters look at the object, not at the camera."""
    setting = replace(asked.config.setting, sensor="none")
    made = generate(asked.prompt, config=replace(asked.config, setting=setting))
    if made.truth is None:
        raise InputError("comes without its truth", source=asked.prompt)
    return made, made.truth


def _figures(made: GeneratedReel, truth: Truth) -> Figures:
    """Motion as the fixed camera sees it, which shows the still object in its first picture."""
    streams = made.reel.streams
    front = [_rgba(frame) for frame in streams["front"]]
    instants = {float(t): i for i, t in enumerate(truth.times_s)}
    clouds: dict[int, Array] = {}
    views: list[tuple[Array, float]] = []
    for frame in made.reel.frames:
        instant = instants[frame.time_s]
        if instant not in clouds:
            clouds[instant] = truth.points_at(instant)
        if frame.camera is None or frame.mask is None:
            raise InputError("has a picture without camera or mask", source=frame.name)
        view = View(frame.name, frame.camera, frame.time_s)
        views.append((frame.mask, outside(clouds[instant], view)))
    return measured(views, motion=motion_magnitude([front[0]] * len(front), front))


def _rgba(frame: Frame) -> Array:
    return np.dstack([frame.image, frame.mask])  # type: ignore[list-item]


def _opaque(frame: Frame) -> Array:
    return np.dstack([frame.image, np.full(frame.image.shape[:2], 255, np.uint8)])

"""Rigs clips of one camera, each in a process of its own, and scores what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reel2sim.cli.measure_clip import ANIMAL, Clip, first_camera
from reel2sim.cli.measure_jobs import Job, Jobs
from reel2sim.cli.measure_process import Ended
from reel2sim.cli.measure_results import Results
from reel2sim.generation.truth import load_truth
from reel2sim.pipeline.clip_evaluation import score_clip
from reel2sim.pipeline.evaluation import nothing_found
from reel2sim.pipeline.joint_matching import kind_of
from reel2sim.pipeline.overlay import draw_sheet
from reel2sim.pipeline.rig_score import RigScore
from reel2sim.pipeline.stores import ValueStore
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.errors import (
    InputError,
    MediaError,
    MediaLimitError,
    StageError,
    UsageError,
    all_errors,
)
from reel2sim.scene.progress import Progress
from reel2sim.scene.reel import Reel
from reel2sim.scene.rig import JointType
from reel2sim.scene.store import load_asset

SURE = 0.3
"""A joint counts as given if it is observed and surer than this; a control must have none."""

ASSET_FILE, SHOWN_FILE, OVERLAY_FILE, LOG_FILE = "asset.npz", "shown.npz", "overlay.png", "run.log"
"""What a clip's folder holds; ``shown`` is a few frames with the cameras of the asset's world."""

_UNREAD = (UsageError, MediaError, MediaLimitError)
_REFUSALS = {
    error.exit_code
    for error in all_errors()
    if issubclass(error, (InputError, StageError)) and not issubclass(error, _UNREAD)
}
"""Exit codes of a run that looked at a clip and said why it gives nothing."""


@dataclass(frozen=True)
class GivenJoint:
    """A joint of a rig that can move.

    Attributes:
        name: in the rig.
        type: kind of joint.
        confidence: that it states, 0..1.
        observed: whether it is not flagged as unobserved.
    """

    name: str
    type: JointType
    confidence: float
    observed: bool

    @property
    def sure(self) -> bool:
        """Whether it counts as given."""
        return self.observed and self.confidence > SURE


@dataclass(frozen=True)
class ClipRun:
    """What became of one clip.

    Attributes:
        capture: label of the clip.
        digest: sha256 of what it shows and of its truth.
        kind: of clip.
        about: what it shows and whose it is.
        wanted: kinds of the joints that move.
        given: joints of the rig.
        score: against the truth; of a failed run, that of an object that never moves. None where
            the truth is known by eye alone, has no joints, or nothing was run.
        seconds: wall time of the process.
        peak_memory_mb: its largest resident memory, MiB.
        metrics: figures of the rig, and the seconds of each stage.
        notes: what the rig says about itself.
        skipped: why nothing was run, or "".
        refused: why nothing is given, of a clip in which there was no joint to be found, or "".
        failure: what went wrong, or "".
    """

    capture: str
    digest: str
    kind: str
    about: str
    wanted: tuple[JointType, ...] = ()
    given: tuple[GivenJoint, ...] = ()
    score: RigScore | None = None
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()
    skipped: str = ""
    refused: str = ""
    failure: str = ""

    @property
    def name(self) -> str:
        """Of the variant: there is one."""
        return ""

    @property
    def asked(self) -> tuple[Any, ...]:
        """What must be the same for this run to stand for another."""
        return self.capture, self.digest, self.about, self.wanted, self.skipped

    @property
    def reason(self) -> str:
        """Why there is no rig, or ""."""
        return self.skipped or self.failure or self.refused

    @property
    def confidence(self) -> float:
        """Of its surest joint; 0 without joints."""
        return max((joint.confidence for joint in self.given), default=0.0)

    def right(self, *, unsure: bool = False) -> bool:
        """Whether number and kinds of joints are those wanted; continuous counts as revolute.

        ``unsure`` counts all joints, else those that are sure.
        """
        counted = Counter(kind_of(j.type) for j in self.given if unsure or j.sure)
        return not self.failure and counted == Counter(map(kind_of, self.wanted))

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> ClipRun:
        """What :func:`dataclasses.asdict` made of one, also after JSON."""
        score = record["score"]
        return cls(
            **{
                **record,
                "wanted": tuple(map(JointType, record["wanted"])),
                "given": tuple(
                    GivenJoint(**{**joint, "type": JointType(joint["type"])})
                    for joint in record["given"]
                ),
                "score": None if score is None else RigScore.from_dict(score),
                "notes": tuple(record["notes"]),
            }
        )


class Clips:
    """Rigs clips.

    Args:
        results: receives the runs; those that it recalls are not run again.
        options: preset, seed and device.
        finished: told of every run.
        progress: told how far all of it is.
    """

    def __init__(
        self,
        results: Results[ClipRun],
        options: Mapping[str, Any],
        *,
        finished: Callable[[ClipRun], None],
        progress: Progress,
    ) -> None:
        self._results = results
        self._options = dict(options)
        self._finished = finished
        self._progress = progress

    def run(self, clips: Sequence[Clip], *, jobs: int) -> None:
        """Run what has not been run yet, ``jobs`` at a time."""
        todo: list[tuple[Clip, Path]] = []
        for clip in clips:
            blank = _blank(clip)
            if self._results.recall(blank.asked):
                continue
            if clip.footage is None:
                self._add(blank)
            else:
                todo.append((clip, clip.footage.ready(self._folder(clip)).resolve()))

        def ended(index: int, end: Ended, metrics: dict[str, float]) -> None:
            clip, source = todo[index]
            self._add(scored(clip, self._folder(clip), end, metrics, source=source))

        Jobs(self._progress).run([self._job(*task) for task in todo], at_once=jobs, ended=ended)

    def _add(self, run: ClipRun) -> None:
        self._results.add(run)
        self._finished(run)

    def _folder(self, clip: Clip) -> Path:
        return self._results.folder / clip.label

    def _job(self, clip: Clip, source: Path) -> Job:
        folder = self._folder(clip)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (ASSET_FILE, SHOWN_FILE, OVERLAY_FILE, LOG_FILE):
            (folder / name).unlink(missing_ok=True)
        request = {
            **self._options,
            "task": "clip",
            "source": str(source),
            "out": str((folder / ASSET_FILE).resolve()),
            "shown": str((folder / SHOWN_FILE).resolve()),
        }
        return Job(clip.label, request)


def scored(
    clip: Clip, folder: Path, ended: Ended, metrics: Mapping[str, float], *, source: Path
) -> ClipRun:
    """What became of a clip whose process has ended.

    Args:
        clip: that was run.
        folder: holds what the process left; the overlay or the log goes there too.
        ended: how it ended.
        metrics: that it told.
        source: the file it read, which a failure need not name again.
    """
    run, failure = _blank(clip), ended.failure.replace(f"{source}: ", "")
    found: dict[str, Any] = {}
    if failure:
        (folder / LOG_FILE).write_text(ended.words, encoding="utf-8")
    else:
        try:
            asset = load_asset(folder / ASSET_FILE)
            shown = ValueStore(Reel).load(folder / SHOWN_FILE)
            _draw(asset, shown, run, folder / OVERLAY_FILE)
            found = {**_given(asset), **_judged(clip, run, asset, shown)}
        except InputError as error:
            failure = f"its result is not usable: {error}"
    refused = ""
    if failure and not run.wanted and ended.exit_code in _REFUSALS:
        refused, failure = failure.partition("error: ")[2], ""
    return replace(
        run,
        **found,
        seconds=ended.seconds,
        peak_memory_mb=ended.peak_memory_mb,
        metrics=dict(metrics),
        refused=refused,
        failure=failure,
    )


def _blank(clip: Clip) -> ClipRun:
    """The run of a clip before anything came of it."""
    idle = None if clip.truth is None else nothing_found(load_truth(clip.truth))
    wanted = clip.joints if idle is None else tuple(joint.type for joint in idle.joints)
    return ClipRun(
        capture=clip.label,
        digest=clip.digest,
        kind=clip.kind,
        about=clip.about,
        wanted=wanted,
        score=idle if wanted and not clip.skipped else None,
        skipped=clip.skipped,
    )


def _given(asset: RiggedAsset) -> dict[str, Any]:
    """What a rig says."""
    moving = [joint for joint in asset.joints if joint.type is not JointType.FIXED]
    given = tuple(GivenJoint(j.name, j.type, j.confidence, j.observed) for j in moving)
    return {"given": given, "notes": asset.notes}


def _judged(clip: Clip, run: ClipRun, asset: RiggedAsset, shown: Reel) -> dict[str, Any]:
    """How right a rig is, where the truth is known and holds joints."""
    if clip.truth is None or run.score is None:
        return {}
    assumed = min(shown.frames, key=lambda frame: frame.time_s).camera
    if assumed is None:
        raise InputError("the first frame has no camera", source=SHOWN_FILE)
    camera = first_camera(clip.truth)
    return {"score": score_clip(asset, load_truth(clip.truth), camera=camera, assumed=assumed)}


def _draw(asset: RiggedAsset, shown: Reel, run: ClipRun, path: Path) -> None:
    """Write the picture of parts and joints."""
    from PIL import Image

    none = "joints not known" if run.kind == ANIMAL else "no joint wanted"
    title = f"{run.capture}: " + (f"wanted {', '.join(run.wanted)}" if run.wanted else none)
    sheet = draw_sheet(asset, shown, frames=len(shown.frames), title=title)
    if sheet is not None:
        Image.fromarray(sheet).save(path)

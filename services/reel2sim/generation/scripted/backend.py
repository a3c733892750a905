"""The scripted backend: cabinets and laptops built, moved and photographed from a prompt."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from reel2sim.generation.backend import Capabilities, GeneratedReel, GenerationConfig
from reel2sim.generation.scripted.cabinet import build_cabinet
from reel2sim.generation.scripted.cameras import Shot, plan_shots
from reel2sim.generation.scripted.grammar import parse_prompt
from reel2sim.generation.scripted.laptop import build_laptop
from reel2sim.generation.scripted.parts import (
    ObjectSpec,
    PartSpec,
    corners,
    sample_surface,
    write_urdf,
)
from reel2sim.generation.scripted.simulate import Stage, profile, staged
from reel2sim.generation.scripted.visibility import seen_from
from reel2sim.generation.truth import TrueJoint, Truth
from reel2sim.media.images import shrink
from reel2sim.scene.arrays import Array
from reel2sim.scene.progress import Progress
from reel2sim.scene.reel import Frame, Reel
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import apply, axis_rotation, pose

_POINTS = 14000
"""Surface points drawn before those that no picture of the first instant shows are dropped."""


class ScriptedBackend:
    """Builds what a prompt of a small language says, with exact cameras, masks and truth."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            name="scripted",
            modalities=("text",),
            controls=(
                "cabinet with up to 4 doors and 5 drawers, or laptop",
                "material, colour, size",
                "which part opens, closes or both, how far, how fast",
            ),
            max_frames=1000,
            cameras_known=True,
            needs_gpu=False,
            notes="synthetic objects of boxes; writes the true joints with --truth",
        )

    def generate(
        self, prompt: str, *, config: GenerationConfig, progress: Progress
    ) -> GeneratedReel:
        """Make a reel of what ``prompt`` says.

        Streams: ``static`` circles the object at time zero, ``orbit`` passes in front of it while
        it moves, ``front`` stands still and watches it move.

        Raises:
            PromptError: if the prompt is not understood.
        """
        spec = parse_prompt(prompt)
        rng = np.random.default_rng(config.seed)
        build = build_laptop if spec.family == "laptop" else build_cabinet
        thing = build(spec, rng)
        seconds = config.seconds / spec.tempo
        times = np.linspace(0.0, seconds, config.frames)
        wanted = profile(spec, thing, seconds)
        still = _swept(thing, wanted, times[:1])
        shots = plan_shots(still, _swept(thing, wanted, times), times, config)
        with tempfile.TemporaryDirectory(prefix="reel2sim-") as name:
            urdf = write_urdf(thing, Path(name), rng)
            with staged(thing, urdf) as stage:
                frames, states, poses = _record(stage, wanted, times, shots, config, progress)
        order = {shot.stream: k for k, shot in enumerate(shots)}
        frames.sort(key=lambda frame: order[frame.stream])
        eyes = [shot.camera.position for shot in shots if shot.instant == 0]
        truth = _truth(thing, times, states, poses, eyes, rng)
        return GeneratedReel(Reel(tuple(frames), source="scripted", prompt=prompt), truth)


def _record(
    stage: Stage,
    wanted: Callable[[float], dict[str, float]],
    times: Array,
    shots: list[Shot],
    config: GenerationConfig,
    progress: Progress,
) -> tuple[list[Frame], list[dict[str, float]], list[dict[str, Array]]]:
    """Play the motion once; frames, joint positions and part poses at ``times``."""
    frames: list[Frame] = []
    states: list[dict[str, float]] = []
    poses: list[dict[str, Array]] = []
    stage.reset(wanted(0.0))
    for i, time in enumerate(times):
        if i:
            stage.drive(wanted, float(times[i - 1]), float(time))
        states.append(stage.positions())
        poses.append(stage.poses())
        for shot in shots:
            if shot.instant != i:
                continue
            progress("generation", len(frames) / len(shots), f"rendering {shot.stream}")
            picture, mask = stage.photograph(shot.camera, config.supersample)
            image, alpha = shrink(picture, mask, config.size)
            frames.append(
                Frame(
                    image=image,
                    time_s=float(time),
                    camera=shot.camera,
                    mask=alpha,
                    stream=shot.stream,
                    name=shot.name,
                )
            )
    progress("generation", 1.0, f"{len(frames)} frames")
    return frames, states, poses


def _swept(thing: ObjectSpec, wanted: Callable[[float], dict[str, float]], times: Array) -> Array:
    """Corners of all boxes over all times ``(n, 3)``, metres."""
    points: list[Array] = []
    for q in map(wanted, times.tolist()):
        for part in thing.parts:
            T = _motion(part, q.get(part.name, 0.0))
            points.append(apply(T, corners(part)))
    return np.concatenate(points)


def _motion(part: PartSpec, q: float) -> Array:
    """World motion ``(4, 4)`` of a part whose joint is at ``q``."""
    if part.joint is JointType.PRISMATIC:
        return pose(translation=q * np.array(part.axis))
    R = axis_rotation(np.array(part.axis), q)
    return pose(R, np.array(part.pivot) - R @ np.array(part.pivot))


def _truth(
    thing: ObjectSpec,
    times: Array,
    states: list[dict[str, float]],
    poses: list[dict[str, Array]],
    eyes: list[Array],
    rng: np.random.Generator,
) -> Truth:
    """What is true of the reel; surface points are those that the first instant shows."""
    names = tuple(part.name for part in thing.parts)
    sizes = [float(np.prod(np.ptp(corners(part), axis=0) + 0.05)) for part in thing.parts]
    share = np.maximum(700, _POINTS * np.array(sizes) / sum(sizes)).astype(int)
    at_rest = [sample_surface(p, int(n), rng) for p, n in zip(thing.parts, share, strict=True)]
    # A part's own frame has its origin at the pivot and the world's axes at zero state.
    points = [
        apply(poses[0][part.name], cloud - np.array(part.pivot))
        for part, cloud in zip(thing.parts, at_rest, strict=True)
    ]
    shown = [seen_from(eyes, cloud, thing.parts, poses[0]) for cloud in points]
    points = [
        cloud[seen] if seen.any() else cloud for cloud, seen in zip(points, shown, strict=True)
    ]
    solids = np.concatenate(
        [apply(poses[0][p.name], corners(p) - np.array(p.pivot)) for p in thing.parts]
    )
    joints = tuple(
        TrueJoint(
            name=f"{part.name}_joint",
            type=part.joint,
            parent=names[0],
            child=part.name,
            axis=np.array(part.axis),
            pivot=np.array(part.pivot),
            positions=np.array([q[part.name] for q in states]) - states[0][part.name],
        )
        for part in thing.parts[1:]
    )
    return Truth(
        diagonal_m=float(np.linalg.norm(np.ptp(solids, axis=0))),
        times_s=times,
        joints=joints,
        parts=names,
        link_poses={name: np.stack([p[name] for p in poses]) for name in names},
        points=np.concatenate(points),
        point_parts=np.repeat(np.arange(len(names)), [len(cloud) for cloud in points]),
    )

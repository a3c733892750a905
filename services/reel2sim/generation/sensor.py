"""What a camera adds to a picture: blur, rolling shutter, exposure, noise and compression.

For measuring how much of that a reconstruction bears. All of it is drawn from a seed; the same
reel, sensor and seed give the same pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Frame, Reel

if TYPE_CHECKING:
    from reel2sim.generation.view_truth import ViewTruths

_DRIFT_HZ = 0.6


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A camera's faults, in the order in which they happen. The defaults have none.

    Attributes:
        shutter: time that a pixel is exposed, as a share of the time between pictures: motion blur.
        rolling: time from the first to the last row, as a share of the time between pictures.
        defocus_px: radius of the disc that a point becomes, pixels.
        drift_stops: how far the exposure wanders to each side, in powers of two.
        shot: electrons of a white pixel: the fewer, the more noise in proportion to the root of
            the light; 0: no such noise.
        read: standard deviation of noise that does not depend on light, as a share of white.
        jpeg: quality 1..100 of each picture's own compression; 0: none.
        crf: constant rate factor 1..51 of H.264 compression of each stream; 0: none.
    """

    shutter: float = 0.0
    rolling: float = 0.0
    defocus_px: float = 0.0
    drift_stops: float = 0.0
    shot: float = 0.0
    read: float = 0.0
    jpeg: int = 0
    crf: int = 0

    def __post_init__(self) -> None:
        ranges = {
            "shutter": (0, 1), "rolling": (0, 1), "defocus_px": (0, 50), "drift_stops": (0, 4),
            "shot": (0, 1e9), "read": (0, 1), "jpeg": (0, 100), "crf": (0, 51),
        }  # fmt: skip
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"is {value}, expected {low}..{high}", source="sensor", field=name)


SENSORS: Final = {
    "none": Sensor(),
    "phone": Sensor(shutter=0.3, rolling=0.5, drift_stops=0.08, shot=4000, read=0.003, crf=23),
    "webcam": Sensor(
        shutter=0.5, rolling=0.6, defocus_px=0.7, drift_stops=0.15, shot=900, read=0.008, crf=30
    ),
    "night": Sensor(
        shutter=1.0, rolling=0.6, defocus_px=0.8, drift_stops=0.3, shot=150, read=0.02, jpeg=60
    ),
}
"""Cameras by name, from none to a bad one."""


def parse_sensor(text: str) -> Sensor:
    """A sensor from words such as ``phone`` or ``phone,crf=35`` or ``shot=500,read=0.01``.

    Raises:
        UsageError: if a word is not understood or a value out of range.
    """
    made = Sensor()
    kinds = {f.name: type(f.default) for f in fields(Sensor)}
    for k, word in enumerate(w.strip() for w in text.split(",")):
        name, equals, value = word.partition("=")
        known = list(kinds) if equals else list(SENSORS)
        if name not in known or (not equals and k):
            near = get_close_matches(name, [*SENSORS, *kinds], n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(
                f"{word!r} is not understood{meant}",
                field="sensor",
                remedy=f"give one of {', '.join(SENSORS)}, and then settings such as crf=30: "
                f"{', '.join(kinds)}",
            )
        if not equals:
            made = SENSORS[name]
            continue
        try:
            made = replace(made, **{name: kinds[name](value)})
        except ValueError as cause:
            raise UsageError(f"{value!r} is no number", source="sensor", field=name) from cause
    return made


def sensed(
    reel: Reel,
    sensor: Sensor,
    *,
    seed: int = 0,
    views: ViewTruths | None = None,
    progress: Progress = silent,
) -> Reel:
    """The reel as that sensor would have taken it.

    Motion blur and rolling shutter move what pictures show along the motion between them: exact
    where ``views`` knows it, else estimated (DIS optical flow); only in streams whose times pass,
    as a still scene is taken at leisure. Masks move and blur along, and are not touched otherwise.

    Args:
        reel: ideal pictures.
        sensor: what it adds.
        seed: of noise and drift.
        views: what is true of the reel's pictures, in the order of its frames.
        progress: told after each stream.
    """
    if sensor == Sensor():
        return reel
    frames = list(reel.frames)
    streams: dict[str, list[int]] = {}
    for k, frame in enumerate(frames):
        streams.setdefault(frame.stream, []).append(k)
    for number, (name, members) in enumerate(streams.items()):
        members.sort(key=lambda k: frames[k].time_s)
        rng = np.random.default_rng([seed, 0x5E, *name.encode()])
        for k, frame in zip(members, _stream(frames, members, sensor, rng, views), strict=True):
            frames[k] = frame
        progress("sensor", (number + 1) / len(streams), name)
    return replace(reel, frames=tuple(frames))


def _stream(
    frames: Sequence[Frame],
    members: Sequence[int],
    sensor: Sensor,
    rng: np.random.Generator,
    views: ViewTruths | None,
) -> list[Frame]:
    """Frames of one stream, in the order of time."""
    from reel2sim.exporters.color import linear_from_srgb, srgb_from_linear
    from reel2sim.generation.shutter import exposed, flows_between

    taken = [frames[k] for k in members]
    passes = len(taken) > 1 and all(a.time_s < b.time_s for a, b in pairwise(taken))
    if passes and (sensor.shutter or sensor.rolling):
        known = None if views is None else [views.view(k).flow for k in members]
        flows = flows_between([f.image for f in taken], known)
        pairs = zip(taken, flows, strict=True)
        taken = [exposed(f, flow, sensor.shutter, sensor.rolling) for f, flow in pairs]
    phase = rng.uniform(0, 2 * np.pi, 2)
    lit: list[Array] = []
    for frame in taken:
        light = linear_from_srgb(frame.image / 255.0)
        light = _defocused(light, sensor.defocus_px)
        swing = np.sin(2 * np.pi * _DRIFT_HZ * frame.time_s * np.array([1.0, 2.3]) + phase).mean()
        light = light * 2.0 ** (sensor.drift_stops * swing)
        if sensor.shot:
            light = light + rng.normal(size=light.shape) * np.sqrt(light / sensor.shot)
        if sensor.read:
            light = light + sensor.read * rng.normal(size=light.shape)
        picture = np.rint(srgb_from_linear(light) * 255).astype(np.uint8)
        lit.append(_jpeg(picture, sensor.jpeg) if sensor.jpeg else picture)
    if sensor.crf:
        lit = _h264(lit, sensor.crf)
    return [replace(frame, image=image) for frame, image in zip(taken, lit, strict=True)]


def _defocused(light: Array, radius: float) -> Array:
    """Each point spread evenly over a disc of ``radius`` pixels."""
    import cv2

    if radius <= 0:
        return light
    reach, fine = int(np.ceil(radius)), 8
    side = (2 * reach + 1) * fine
    at = (np.arange(side) + 0.5) / fine - reach - 0.5
    disc = (np.hypot(at[:, None], at[None, :]) <= radius + 1e-9).astype(float)
    kernel = disc.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).mean(axis=(1, 3))
    return cv2.filter2D(light, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _jpeg(picture: Array, quality: int) -> Array:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _h264(pictures: Sequence[Array], crf: int) -> list[Array]:
    """Pictures of one size after H.264 at 4:2:0, as a video would hold them."""
    import io

    import av
    import cv2

    height, width = pictures[0].shape[:2]
    buffer = io.BytesIO()
    encoder = {
        "crf": str(crf),
        "preset": "medium",
        "threads": "1",
        "x264-params": "cpu-independent=1",
    }
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options=encoder)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            planes = np.asarray(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        out.mux(stream.encode(None))
    buffer.seek(0)
    found: list[Array] = []
    with av.open(buffer, "r") as stored:
        for frame in stored.decode(video=0):
            planes = frame.to_ndarray(format="yuv420p")
            rgb = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), dtype=np.uint8)
            found.append(np.ascontiguousarray(rgb[:height, :width]))
    return found

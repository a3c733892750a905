"""Untrusted media in, video out."""

from reel2sim.media.capture import load_capture
from reel2sim.media.limits import DEFAULT_LIMITS, MediaLimits
from reel2sim.media.load import load_reel
from reel2sim.media.video import load_video
from reel2sim.media.write import VideoWriter, write_capture, write_video
from reel2sim.scene.camera import opencv_from_opengl

__all__ = [
    "DEFAULT_LIMITS",
    "MediaLimits",
    "VideoWriter",
    "load_capture",
    "load_reel",
    "load_video",
    "opencv_from_opengl",
    "write_capture",
    "write_video",
]

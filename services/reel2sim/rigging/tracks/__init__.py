"""Joints from points that were followed through space, by a tracker, markers or a simulator."""

from reel2sim.rigging.tracks.articulate import TracksRig, articulate_tracks
from reel2sim.rigging.tracks.points import PointTracks

__all__ = ["PointTracks", "TracksRig", "articulate_tracks"]

"""Stages that other servers do: who they are, how they are called, and what a failure costs.

A pipeline server hands generation, reconstruction and rigging to stage servers over gRPC. Inputs
and outputs travel by digest, a call that is repeated finds the work it began, and a server that
fails is left alone for a while. What comes back is what the same stage gives in one process.
"""

from reel2sim.remote.config import REMOTE_KINDS, RemoteStages, Servers, stages_from_options

__all__ = ["REMOTE_KINDS", "RemoteStages", "Servers", "stages_from_options"]

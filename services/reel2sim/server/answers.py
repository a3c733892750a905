"""How the server and the process that plays tell messages apart in their pipes."""

from __future__ import annotations

import struct

LAST, MORE, FAULT = range(3)
"""Sorts of answers: the last to a request, one that is not, and a status that ends the stream."""

LENGTH = struct.Struct("<I")
"""Before each request: its size."""

HEAD = struct.Struct("<BI")
"""Before each answer: its sort and size."""

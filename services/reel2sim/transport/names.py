"""The syntax of names and digests on the wire, and safe relative paths."""

from __future__ import annotations

import re
import unicodedata

DIGEST = re.compile(r"[0-9a-f]{64}\Z")
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
OBJECT_NAME = re.compile(r"(?=.{1,48}\Z)[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
OPERATION = re.compile(r"operations/[0-9a-f]{32}\Z")


def filename_fault(name: str) -> str | None:
    """What is wrong with ``name`` as the name of one file, or None."""
    if not name:
        return "is empty"
    if name in (".", ".."):
        return "is not a file name"
    if any(c in "/\\:" or unicodedata.category(c) in ("Cc", "Cs") for c in name):
        return "must hold no directories and no control characters"
    if len(name.encode("utf-8", "surrogatepass")) > 255:
        return "is longer than 255 bytes"
    return None


def relative_path_fault(path: str) -> str | None:
    """What is wrong with ``path`` as a POSIX path below a folder, or None."""
    if len(path) > 1024:
        return "is longer than 1024 characters"
    parts = path.split("/")
    if len(parts) > 32:
        return "is nested deeper than 32 folders"
    for part in parts:
        if fault := filename_fault(part):
            return f"has a part {part!r} that {fault}"
    return None

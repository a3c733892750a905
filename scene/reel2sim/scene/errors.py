"""The one exception tree of the project.

Every error a user can cause or meet derives from :class:`Reel2SimError` and carries three
stable facts, so that each front end maps the tree once and never by message:

``exit_code``
    what the command line exits with (distinct for every class below),
``grpc_status``
    the name of the ``grpc.StatusCode`` a server answers with,
``reason``
    an UPPER_SNAKE constant for ``google.rpc.ErrorInfo`` (derived from the class name).

::

    Reel2SimError
    ├── InputError                what the caller handed in cannot be used
    │   ├── UsageError            an option or argument
    │   ├── MediaError            a file that is not readable media
    │   │   └── EmptyMediaError   … because it holds no bytes or no frames
    │   ├── MediaLimitError       media beyond the allowed pixels, frames, seconds or container
    │   ├── CaptureError          a capture folder: missing images, malformed transforms.json
    │   ├── CameraError           a pose or intrinsics that is not finite or not rigid
    │   ├── TooFewFramesError     one frame shows no motion
    │   ├── NoMotionError         frames in which nothing moves
    │   ├── NoSubjectError        no object could be told from the background
    │   ├── PromptError           a prompt the chosen backend does not understand
    │   └── BundleError           a folder that is not a valid bundle
    ├── StageError                a stage could not finish on valid input
    │   ├── ReconstructionError
    │   ├── RiggingError
    │   └── ExportError
    ├── MissingDependencyError    an optional extra is not installed
    ├── NotFoundError             an operation or artifact nobody knows
    ├── ConflictError             the name or id is taken by something else
    ├── ExhaustedError            disk, quota or queue is full
    ├── UnavailableError          the other side cannot be reached now
    ├── IntegrityError            bytes do not match their digest
    ├── UnauthenticatedError      a server wants a token and got none, or a wrong one
    ├── ForbiddenError            a server knows the caller, who may not do this
    └── CancelledError            the caller asked to stop
"""

from __future__ import annotations

import re
from typing import ClassVar


class Reel2SimError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: one line that says what is wrong.
        source: file, folder or message the fault is in, if any.
        field: field, frame or option inside ``source``, if any.
        remedy: what to do about it, as an imperative sentence, if known.
    """

    exit_code: ClassVar[int] = 1
    grpc_status: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        source: object | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.message = message
        self.source = None if source is None else str(source)
        self.field = field
        self.remedy = remedy
        super().__init__(str(self))

    @property
    def reason(self) -> str:
        """UPPER_SNAKE name of the class without its ``Error`` suffix."""
        name = type(self).__name__.removesuffix("Error") or "REEL2SIM"
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.source, self.field) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.remedy})" if self.remedy else text

    def __reduce__(self) -> tuple[object, ...]:
        state = {
            "message": self.message,
            "source": self.source,
            "field": self.field,
            "remedy": self.remedy,
        }
        return (_rebuild, (type(self), state))


def _rebuild(kind: type[Reel2SimError], state: dict[str, str | None]) -> Reel2SimError:
    """Recreate an error on the other side of a process boundary."""
    message = state["message"] or ""
    return kind(message, source=state["source"], field=state["field"], remedy=state["remedy"])


class InputError(Reel2SimError):
    """What the caller handed in cannot be used."""

    exit_code = 65
    grpc_status = "INVALID_ARGUMENT"


class UsageError(InputError):
    """An option or argument is wrong."""

    exit_code = 2


class MediaError(InputError):
    """A file is not readable media of a supported kind."""

    exit_code = 10


class EmptyMediaError(MediaError):
    """A media file holds no bytes or no frames."""

    exit_code = 11


class MediaLimitError(InputError):
    """Media exceeds the configured limits or uses a container that is not allowed."""

    exit_code = 12


class CaptureError(InputError):
    """A capture folder is incomplete or its ``transforms.json`` malformed."""

    exit_code = 13


class CameraError(InputError):
    """A camera pose or intrinsic is not finite, not rigid or not positive."""

    exit_code = 14


class TooFewFramesError(InputError):
    """There are not enough frames to see motion."""

    exit_code = 15


class NoMotionError(InputError):
    """Nothing in the frames moves."""

    exit_code = 16


class NoSubjectError(InputError):
    """No object could be told from the background."""

    exit_code = 17


class PromptError(InputError):
    """The generation backend does not understand the prompt."""

    exit_code = 18


class BundleError(InputError):
    """A folder is not a bundle, or its files contradict each other."""

    exit_code = 19


class StageError(Reel2SimError):
    """A stage could not finish on input that was valid."""

    exit_code = 20
    grpc_status = "FAILED_PRECONDITION"


class ReconstructionError(StageError):
    """The surfel fit failed."""

    exit_code = 21


class RiggingError(StageError):
    """Parts or joints could not be estimated."""

    exit_code = 22


class ExportError(StageError):
    """A writer cannot express the asset in its format."""

    exit_code = 23


class MissingDependencyError(Reel2SimError):
    """An optional extra is needed and not installed."""

    exit_code = 30
    grpc_status = "FAILED_PRECONDITION"


class NotFoundError(Reel2SimError):
    """An operation, artifact or file that nobody knows."""

    exit_code = 40
    grpc_status = "NOT_FOUND"


class ConflictError(Reel2SimError):
    """A name or id is already taken by something different."""

    exit_code = 41
    grpc_status = "ALREADY_EXISTS"


class ExhaustedError(Reel2SimError):
    """Disk, quota or queue is full."""

    exit_code = 42
    grpc_status = "RESOURCE_EXHAUSTED"


class UnavailableError(Reel2SimError):
    """The other side cannot be reached at the moment."""

    exit_code = 43
    grpc_status = "UNAVAILABLE"


class IntegrityError(Reel2SimError):
    """Bytes do not match their digest."""

    exit_code = 44
    grpc_status = "DATA_LOSS"


class UnauthenticatedError(Reel2SimError):
    """The server wants a token and got none, or a wrong one."""

    exit_code = 45
    grpc_status = "UNAUTHENTICATED"


class ForbiddenError(Reel2SimError):
    """The caller is known, but may not do this."""

    exit_code = 46
    grpc_status = "PERMISSION_DENIED"


class CancelledError(Reel2SimError):
    """The caller asked the work to stop."""

    exit_code = 130
    grpc_status = "CANCELLED"


def all_errors() -> tuple[type[Reel2SimError], ...]:
    """Every class of the tree, base first."""
    found: list[type[Reel2SimError]] = [Reel2SimError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return tuple(found)

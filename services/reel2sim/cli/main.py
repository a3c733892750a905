"""Entry point: find the command, run it, and turn whatever goes wrong into one line and a code."""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Union

if TYPE_CHECKING:
    from reel2sim.cli.options import Command

COMMANDS = {
    "run": "run:Run",
    "generate": "generate:Generate",
    "rank": "rank:Rank",
    "reconstruct": "steps:Reconstruct",
    "rig": "steps:Rig",
    "export": "export:Export",
    "edit": "edit:Edit",
    "check": "check:Check",
    "render": "render:Render",
    "splats": "splats:Splats",
    "view": "view:View",
    "env": "env:Env",
    "pack": "pack:Pack",
    "train": "train:Train",
    "serve": "serve:Serve",
    "token": "token:Token",
    "top": "top:Top",
    "batch": "batch:Batch",
    "report": "report:Report",
    "dataset": "dataset:DatasetCommand",
    "generator": "generator:Generator",
    "bench": "bench:Bench",
    "doctor": "doctor:Doctor",
}
"""Module under :mod:`reel2sim.cli.commands` and class of each command, in the order of help."""

_ABOUT = """From a film reel to a simulation: a video, a capture or a prompt becomes a rigged,
physics-complete bundle (USD, URDF, MJCF, GLB, splats) and a Gymnasium environment.

Start with one of
  reel2sim doctor
  reel2sim run --prompt "a cabinet with a door and a drawer" --out bundle --preset draft
  reel2sim run capture_folder --out bundle
  reel2sim view bundle
  reel2sim env bundle

`reel2sim COMMAND --help` explains a command and shows examples."""


class Terminated(BaseException):
    """SIGTERM arrived; raised where the program stands so that unfinished output is removed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; those of the process if None.

    Returns:
        Exit code: 0, 1 for a negative answer or an internal error, that of the error class for
        an error of :mod:`reel2sim.scene.errors`, 130 after Ctrl-C, 143 after SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] in (["--version"], ["-V"]):
        print(f"reel2sim {_version()}")
        return 0
    _one_thread_per_library()
    return run_command(_parse(arguments))


def _one_thread_per_library() -> None:
    """Keep BLAS and OpenMP to one thread unless the user chose; must run before numpy loads.

    The heavy kernels are numba's and use all cores by themselves. What is left are thousands of
    small products, which several threads make slower, several times so on a busy machine.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def run_command(command: Command) -> int:
    """Run a command so that SIGTERM ends it as cleanly as Ctrl-C; returns its exit code."""
    previous = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, _terminate)
    except ValueError:  # not in the main thread: whoever called us handles signals
        previous = None
    try:
        return guarded(command)
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _parse(arguments: list[str]) -> Command:
    """The command the arguments ask for; prints help or what is wrong and exits if they do not."""
    import tyro

    markers = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        kind = _load(name)
        about = inspect.getdoc(kind)
        return tyro.cli(
            kind, prog=f"reel2sim {name}", description=about, args=arguments[1:], config=markers
        )
    kinds = [
        Annotated[_load(key), tyro.conf.subcommand(key, description=_summary(_load(key)))]
        for key in COMMANDS
    ]
    # A union built at run time is beyond type checkers.
    every: Any = Union[tuple(kinds)]  # noqa: UP007
    return tyro.cli(every, prog="reel2sim", description=_ABOUT, args=arguments, config=markers)


def _load(name: str) -> type[Command]:
    module, _, kind = COMMANDS[name].partition(":")
    return getattr(importlib.import_module(f"reel2sim.cli.commands.{module}"), kind)


def _summary(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def guarded(command: Command) -> int:
    """Run a command; the one place where errors become a line and an exit code."""
    from reel2sim.cli.console import Console

    options = command.common
    console = Console(json=options.json, quiet=options.quiet)
    try:
        code = command(console)
        sys.stdout.flush()
    except KeyboardInterrupt:
        console.error("interrupted")
        return 130
    except Terminated:
        console.error("terminated")
        return 143
    except BrokenPipeError:
        # Whoever read our output has left, as `head` does. Python would complain once more when
        # it flushes on exit, so there must be somewhere for that to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        return _report(console, error, debug=options.debug)
    finally:
        console.close()
    return code


def _report(console: Any, error: Exception, *, debug: bool) -> int:
    from reel2sim.scene.errors import Reel2SimError

    if debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, Reel2SimError):
        facts = {
            "reason": error.reason,
            "message": error.message,
            "source": error.source,
            "field": error.field,
            "remedy": error.remedy,
            "exit_code": error.exit_code,
        }
        console.error(str(error), facts)
        return error.exit_code
    summary = f"internal error: {type(error).__name__}: {error}"
    remedy = "rerun with --debug for the traceback"
    facts = {
        "reason": "INTERNAL",
        "message": summary,
        "source": None,
        "field": None,
        "remedy": remedy,
        "exit_code": 1,
    }
    console.error(summary if debug else f"{summary} ({remedy})", facts)
    return 1


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _version() -> str:
    from importlib.metadata import version

    return version("reel2sim")


if __name__ == "__main__":
    sys.exit(main())

"""Runs a program and tells its exit code and peak memory; a script of its own, not for import.

``python -I -S measure_launch.py FD PROGRAM...`` writes ``CODE PEAK`` to the file descriptor, as
``wait4`` gives them. Linux hands the peak of the process that forks on to the process it becomes,
so a large one cannot measure a small one: this process stays small.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the program in the arguments."""
    answer, program = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(answer, False)
    pid = os.posix_spawnp(program[0], program, os.environ)
    _, status, usage = os.wait4(pid, 0)
    os.write(answer, f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss}".encode())


if __name__ == "__main__":
    main()

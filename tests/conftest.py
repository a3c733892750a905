"""What holds for all tests: examples do not depend on chance, nor verdicts on the clock.

A run of the suite draws the same examples every time, so that it fails for what was changed and
for nothing else. To look for examples that nobody has seen yet: ``HYPOTHESIS_PROFILE=explore``.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, settings
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher

try:
    import fcntl
except ImportError:  # where there are no such locks, a kernel may be compiled twice
    fcntl = None

# A machine may be slow, and fixtures that are shared by the examples of a test are meant to be.
_calm = settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("steady", _calm, derandomize=True, database=None)
settings.register_profile("explore", _calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@contextlib.contextmanager
def _one_at_a_time(dispatcher: Dispatcher) -> Iterator[None]:
    """Held by one process that compiles a kernel which is kept on disk."""
    folder, function = dispatcher._cache.cache_path, dispatcher.py_func
    if folder is None or fcntl is None:
        yield
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    # Closing the file gives its lock back, and so does the death of its process.
    with Path(folder, f"{function.__module__}.{function.__qualname__}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile_once() -> None:
    """Let one of the processes that share the tests compile a kernel, and the others load it.

    Compiling takes longer than most tests, and all of them meet the same kernels early.
    """
    compile_alone = Dispatcher.compile

    def compile(self: Dispatcher, sig):
        # In this order, or a thread with the one and a thread with the other wait for each other.
        with global_compiler_lock, _one_at_a_time(self):
            return compile_alone(self, sig)

    Dispatcher.compile = compile


_compile_once()

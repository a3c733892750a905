"""All generators there are: built in, registered, and of other packages.

Another package offers one through the entry point group ``reel2sim.generators``: the name is
what users call it, the object is called without arguments and returns a
:class:`~reel2sim.generation.backend.Backend`. One that cannot be loaded is named with what went
wrong, and never stands in the way of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points

from reel2sim.generation.backend import Backend, Capabilities, registered
from reel2sim.scene.errors import MissingDependencyError, Reel2SimError, UsageError

GROUP = "reel2sim.generators"


@dataclass(frozen=True)
class Offer:
    """One generator as a listing shows it.

    Attributes:
        name: what users call it.
        origin: ``"reel2sim"``, or the distribution that brings it.
        capabilities: what it can do; None if it cannot even be asked.
        fault: why not, or "".
    """

    name: str
    origin: str
    capabilities: Capabilities | None
    fault: str = ""

    @property
    def ready(self) -> bool:
        """Whether it can be used as it is."""
        return self.capabilities is not None and not self.capabilities.missing


def offers() -> tuple[Offer, ...]:
    """Every generator, those of this project first; those of plugins by name."""
    found = [_asked(name, "reel2sim", factory) for name, factory in registered().items()]
    taken = {offer.name for offer in found}
    for point in _plugins():
        origin = _origin(point)
        if point.name in taken:
            found.append(Offer(point.name, origin, None, "its name is taken: give it another"))
            continue
        taken.add(point.name)
        found.append(_asked(point.name, origin, lambda point=point: point.load()()))
    return tuple(found)


def names() -> tuple[str, ...]:
    """Names of all generators, whether they can be used or not."""
    return tuple(sorted({*registered(), *(point.name for point in _plugins())}))


def backend_named(name: str) -> Backend:
    """The backend that users call ``name``.

    Raises:
        UsageError: if there is none.
        MissingDependencyError: if a plugin of that name cannot be loaded.
    """
    known = registered()
    if name in known:
        return known[name]()
    plugins = {point.name: point for point in reversed(_plugins())}
    if name not in plugins:
        near = get_close_matches(name, names(), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"unknown backend {name!r}{meant}",
            field="backend",
            remedy=f"choose one of: {', '.join(names())}",
        )
    point = plugins[name]
    try:
        made = point.load()()
        _ = made.capabilities.takes
    except Reel2SimError:
        raise
    except Exception as cause:
        raise MissingDependencyError(
            f"cannot be loaded: {_said(cause)}",
            source=f"backend {name}",
            remedy=f"mend or remove {_origin(point)}",
        ) from cause
    return made


def _plugins() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _asked(name: str, origin: str, factory: Callable[[], Backend]) -> Offer:
    try:
        capabilities = factory().capabilities
        _ = capabilities.missing, capabilities.takes
    except Exception as error:
        # Foreign code may fail in any way; that is its finding, not the end of the listing.
        return Offer(name, origin, None, _said(error))
    return Offer(name, origin, capabilities)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

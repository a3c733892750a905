"""USD stages as descriptions of the objects they hold.

``layers``
    opens a stage without letting it reach outside of the roots,
``frames``
    where prims are, in our units and axes,
``geometry``, ``colors``, ``shapes``
    what is seen and what collides,
``joints``, ``trees``
    how bodies hang together,
``describe``, ``weights``, ``motion``, ``pairs``, ``splats``, ``skin``
    the description of each object,
``figures``
    the same for stages without physics,
``surroundings``, ``stage``
    all of it as one scene.
"""

from reel2sim.importers.usd.stage import DescribedScene, Placed, read_usd

__all__ = ["DescribedScene", "Placed", "read_usd"]

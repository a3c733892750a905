"""The viewer: bundles in a browser, to be moved, simulated, compared and edited.

What is shown and how it moves is plain data and known to no drawing library
(:mod:`~reel2sim.viewing.posture`, :mod:`~reel2sim.viewing.controls`,
:mod:`~reel2sim.viewing.workspace`, :mod:`~reel2sim.viewing.session`). The
:mod:`~reel2sim.viewing.layers` draw it, the :mod:`~reel2sim.viewing.panels` let people at it, and
:mod:`~reel2sim.viewing.viewer` puts both on a port with viser (the extra ``[view]``).
"""

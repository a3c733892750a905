"""What holds for all tests: examples do not depend on chance, nor verdicts on the clock.

A run of the suite draws the same examples every time, so that it fails for what was changed and
for nothing else. To look for examples that nobody has seen yet: ``HYPOTHESIS_PROFILE=explore``.
"""

import os

from hypothesis import HealthCheck, settings

# A machine may be slow, and fixtures that are shared by the examples of a test are meant to be.
_calm = settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("steady", _calm, derandomize=True, database=None)
settings.register_profile("explore", _calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

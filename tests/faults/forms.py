"""The two forms of the suite: the short one of every run, and the long one, where HYPOTHESIS_PROFILE is ``long``."""

from __future__ import annotations

import os

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


def so_many(*, short: int, long: int) -> int:
    """How often something is done in the form that runs."""
    return long if LONG else short

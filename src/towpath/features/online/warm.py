"""Loading the compiled kernel before the first request, so that none waits for it."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import numpy as np

from towpath.features.online.events import Events
from towpath.features.online.plan import state_plan
from towpath.features.online.read import begin, finish
from towpath.features.online.state import MOST_EVENTS, add_events
from towpath.features.view import Aggregate, FeatureView


@cache
def warm() -> None:
    """Write and read a small and a large key, once in a process.

    Example:
        >>> warm()
    """
    features = (Aggregate("sum", "x", timedelta(seconds=1)),)
    plan = state_plan(FeatureView("warm", "warm", (), features), {"x": "int64"})
    count = MOST_EVENTS + 1
    rows = np.zeros((count, plan.width), dtype=np.int64)
    rows[:, 0] = rows[:, 1] = rows[:, 2] = np.arange(count)
    for events in (rows[:1], rows):
        parts = add_events(plan, lambda _: None, Events(events), since=0).parts
        reading = begin(plan, [parts[b""]], count)
        needed = [part for one in reading.tiled for part in one.parts]
        finish(reading, [parts[part] for part in needed])

"""Our materialisation of a view into an online store that is empty.

The first one, which also imports what it needs, is not counted: the peer imports all beforehand.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from towpath.features.materialize import materialize
from towpath.features.online.lmdb import LmdbStore
from towpath.workspace import Workspace

HISTORY = timedelta(days=1)


def main(folder: str) -> None:
    with Workspace(Path(folder)) as workspace:
        view, now = workspace.project.views["drivers"], workspace.clock.now()
        for _ in range(2):
            with tempfile.TemporaryDirectory(dir=folder) as online:
                store = LmdbStore("lmdb:online", Path(online))
                start = time.perf_counter()
                found = materialize(workspace.lake, store, view, until=now, history=HISTORY)
                seconds = time.perf_counter() - start
                store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "keys": found.keys, "gigabytes": peak / 1e6}))


if __name__ == "__main__":
    main(sys.argv[1])

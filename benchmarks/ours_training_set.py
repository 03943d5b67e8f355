"""The demo's training set, from the lake's files to a table with all features."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from towpath.features.training import training_set
from towpath.workspace import Workspace


def main(folder: str) -> None:
    with Workspace(Path(folder)) as workspace:
        feature_set = workspace.project.feature_sets["flight_delay"]
        views, spine = workspace.project.views, workspace.lake["schedule"].scan()

        def compute(rows: object) -> None:
            training_set(workspace.lake, feature_set, views, spine=rows, engine=workspace.engine)

        compute(spine.slice(0, 100))
        start = time.perf_counter()
        compute(spine)
        print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main(sys.argv[1])

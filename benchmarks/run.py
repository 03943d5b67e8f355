"""Measure the claims: ``python benchmarks/run.py --only features``."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.claim import save

PARTS = ("features", "serving", "lake", "online", "lookup", "pushes", "overload")
# It takes more than ten minutes, so it runs only when it is named.
LONG = ("soak",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=(*PARTS, *LONG))
    chosen = parser.parse_args().only
    failed = False
    for part in (chosen,) if chosen else PARTS:
        claims = []
        for one in importlib.import_module(f"benchmarks.{part}").measure():
            claims.append(one)
            save(part, claims)
            mark = "holds" if one.holds else "FAILS"
            print(f"{mark}  {one.ratio:>8.1f}x (target {one.target:g})  {one.claim}", flush=True)
            failed |= not one.holds
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

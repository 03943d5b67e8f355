"""Kill the platform and see what is left: ``python tests/faults/run.py --only demo``."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.faults.fault import save

TRIALS = {"demo": 5, "lake": 30, "online": 30, "push": 30, "serve": 5, "steps": 10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(TRIALS), help="one entry instead of all")
    parser.add_argument("--trials", type=int, default=0, help="instead of the entry's own number")
    parser.add_argument("--seed", type=int, default=7, help="of the moments")
    given = parser.parse_args()
    failed = False
    for name in (given.only,) if given.only else sorted(TRIALS):
        entry = importlib.import_module(f"tests.faults.{name}")
        faults = entry.inject(given.trials or TRIALS[name], seed=given.seed)
        save(name, faults)
        for one in faults:
            found = f"lost {one.lost}, duplicated {one.duplicated}, corrupt {one.corrupt}"
            sys.stdout.write(
                f"{'holds' if one.holds else 'FAILS'}  {one.fault}: {one.trials} trials, "
                f"{one.acknowledged:,} acknowledged, {found}, "
                f"well again in {one.recovered_seconds:g} s\n"
            )
            failed |= not one.holds
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

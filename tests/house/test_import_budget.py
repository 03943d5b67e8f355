"""What a command line and a server may load: a heavy import costs seconds at every start."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

HEAVY = {"fastapi", "mlflow", "pandas", "polars", "pyspark", "sklearn", "skops", "sqlalchemy"}
ENGINES = {"deltalake", "httptools", "lmdb", "numba", "numpy", "pyarrow", "rich", "scipy", "yaml"}
HELP_SECONDS = 0.150
TRIALS = 30

COMMAND_LINE = """
import sys
from towpath.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
"""
# The fallback predictor is loaded only for a model that has no plan.
SERVER = """
import importlib, pkgutil
import towpath.serving
found = pkgutil.walk_packages(towpath.serving.__path__, "towpath.serving.")
names = [module.name for module in found]
for name in [*names, "towpath.features.lookup", "towpath.modelling.plan"]:
    if name != "towpath.serving.predictors.sklearn":
        importlib.import_module(name)
"""
LIST = """
import json
print()
print(json.dumps(sorted(sys.modules)))
"""


def loaded(program: str) -> set[str]:
    """Run a program in a new process and name the modules it loaded."""
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}{LIST}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


def top(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_the_help_text_loads_no_heavy_library() -> None:
    modules = loaded(COMMAND_LINE)
    assert "towpath.cli.main" in modules
    assert top(modules) & (HEAVY | ENGINES) == set()


def seconds(command: list[str | Path]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def test_the_help_text_is_there_at_once() -> None:
    """The best of several runs counts, for the others shared the machine."""
    command = Path(sysconfig.get_path("scripts")) / "towpath"
    runs = (seconds([command, "--help"]) for _ in range(TRIALS))
    assert any(run < HELP_SECONDS for run in runs)


def test_a_server_loads_no_training_library() -> None:
    modules = loaded(SERVER)
    assert top(modules) & HEAVY == set()
    # numba looks at scipy's version, and so loads the shell of it; its parts stay out.
    parts = {name.split(".")[1] for name in modules if name.startswith("scipy.")}
    assert {part for part in parts if not part.startswith("_")} <= {"version"}

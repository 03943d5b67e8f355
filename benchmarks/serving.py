"""Single rows over HTTP: ours by key with 53 features looked up, a usual handler with all given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, peer_python, prepared_project, run_json
from benchmarks.listening import server

from towpath.core.instant import format_instant, parse_instant
from towpath.steps.model import labelled
from towpath.steps.training_set import kept_training_set
from towpath.workspace import Workspace

RUNS = 3
SECONDS = 3
ROWS = 500
PEER = [
    "fastapi==0.128.0", "uvicorn==0.40.0", "httptools", "uvloop", "pandas>=2.2,<3", "pyarrow",
    "scikit-learn", "joblib",
]  # fmt: skip
AT = "2013-10-05T12:00:00Z"


def measure() -> list[Claim]:
    python = peer_python("fastapi", PEER)
    folder = prepared_project()
    out = BUILD / "bench" / "serving"
    out.mkdir(parents=True, exist_ok=True)
    write_requests(folder, out)
    model = out / "peer.joblib"
    script = str(Path(__file__).parent / "peers" / "fastapi_pandas.py")
    subprocess.run(
        [str(python), script, "train", str(out / "rows.parquet"), str(model)], check=True
    )
    rates: dict[tuple[str, int], list[float]] = {}
    tails: dict[tuple[str, int], list[float]] = {}
    for _ in range(RUNS):
        for who, command, path, bodies in (
            ("ours", [sys.executable, "-m", "towpath", "serve", "--port"],
             "/endpoints/delay/predict", out / "keys.jsonl"),
            ("peer", [str(python), script, "serve", str(model)], "/predict", out / "rows.jsonl"),
        ):  # fmt: skip
            with server(command, folder) as port:
                for connections in (1, 16):
                    arguments = (str(port), path, str(bodies), str(connections), str(SECONDS))
                    found = run_json("python", "load.py", *arguments)
                    rates.setdefault((who, connections), []).append(found["rate"])
                    tails.setdefault((who, connections), []).append(found["p99_ms"])
    name = "FastAPI, pandas frame, scikit-learn pipeline"
    claims = []
    for connections in (1, 16):
        what = f"single rows, {connections} connection{'s' if connections > 1 else ''}"
        mine, theirs = ("ours", connections), ("peer", connections)
        claims += [
            compare(
                f"{what}: predictions", rates[mine], (name, rates[theirs]), unit="req/s", target=8.0
            ),
            compare(f"{what}: p99", tails[mine], (name, tails[theirs]), unit="ms", target=4.0),
        ]
    return claims


def write_requests(folder: Path, out: Path) -> None:
    """Write the peer's training rows, and the same requests for both sides."""
    with Workspace(folder) as workspace:
        model = workspace.project.models["delay"]
        labels = workspace.lake[model.label.dataset].version() or 0
        rows = labelled(workspace, model, kept_training_set(workspace, model), labels)
    table = rows.features.append_column("label", [rows.label.tolist()])
    pyarrow.parquet.write_table(table.slice(0, 244_453), out / "rows.parquet")
    moment = parse_instant(AT)
    near = [at for at, t in enumerate(rows.at) if abs(t / 1e6 - moment.timestamp()) < 6 * 3600]
    chosen = near[:ROWS]
    given = rows.features.take(chosen).to_pylist()
    keys = [{"keys": [{"flight_id": rows.key[at]}], "at": format_instant(moment)} for at in chosen]
    (out / "rows.jsonl").write_text("\n".join(json.dumps({"rows": [one]}) for one in given))
    (out / "keys.jsonl").write_text("\n".join(json.dumps(one) for one in keys))

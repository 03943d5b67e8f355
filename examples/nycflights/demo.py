"""The main job on real data: from source files to a watched endpoint, then one screen of results.

``make demo`` runs it. It works in ``build/demo``, a fresh copy of this project, and writes
``summary.json`` at the root of the repository.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "build" / "demo"
SUMMARY = ROOT / "summary.json"
TOWPATH = [sys.executable, "-m", "towpath"]
PREDICTIONS = 2000
START, END = "2013-10-01", "2014-01-01"
READY_SECONDS = 60.0
# Watching real flights finds something, which is what this exit code says.
WATCH, FINDINGS = ("monitor", "watch"), 1
METRICS = ("roc_auc", "log_loss", "brier")

Facts = dict[str, Any]
console = Console(stderr=True, highlight=False)


def main() -> None:
    """Run the path, write the summary, show it."""
    started = time.perf_counter()
    fresh_copy()
    towpath("Register the definitions", "apply")
    run = towpath("Train: ingest, features, two candidates, gate, promotion", "run", "train")
    with server() as url:
        asked = ask(url)
    skew = towpath("Verify: logged features = the lake's", "feature", "verify", "delay")
    interval = ("--from", START, "--until", END)
    towpath("Replay October to December", "monitor", "replay", "delay", *interval)
    watched = towpath("Watch: weekly performance, drift", *WATCH, "delay", *interval)
    summary = summarise(results(run), asked, skew, watched)
    summary["seconds"] = round(time.perf_counter() - started, 1)
    SUMMARY.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    show(summary, watched)
    sys.stdout.write(f"{SUMMARY}\n")


def fresh_copy() -> None:
    """Start from nothing but the project's own files."""
    shutil.rmtree(WORK, ignore_errors=True)
    ignore = shutil.ignore_patterns(".towpath", "data", "demo.py", "__pycache__")
    shutil.copytree(HERE, WORK, ignore=ignore)


def towpath(title: str, *arguments: str) -> Facts:
    """Run one command of towpath; its progress shows, its JSON result is returned."""
    answers = arguments[0] != "apply"
    console.print(f"\n[bold]{title}[/]  [dim]towpath {' '.join(arguments)}[/]")
    command = [*TOWPATH, *arguments, *(["--json"] if answers else [])]
    done = subprocess.run(command, cwd=WORK, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in {0, FINDINGS if arguments[:2] == WATCH else 0}:
        sys.exit(done.returncode)
    found: Facts = json.loads(done.stdout) if answers else {}
    return found


@contextmanager
def server() -> Iterator[str]:
    """Serve on a free port of loopback, and stop at the end."""
    console.print("\n[bold]Serve[/]  [dim]towpath serve --port 0[/]")
    address = WORK / ".towpath" / "state" / "server.json"
    process = subprocess.Popen([*TOWPATH, "serve", "--port", "0"], cwd=WORK)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not address.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("The server did not start.")
            time.sleep(0.05)
        yield json.loads(address.read_text())["url"]
    finally:
        process.terminate()
        process.wait(timeout=READY_SECONDS)


def ask(url: str) -> Facts:
    """Let a second process ask for predictions by key."""
    console.print(f"\n[bold]Ask for {PREDICTIONS:,} predictions by key[/]  [dim]ask.py[/]")
    command = [sys.executable, "ask.py", url, "data", str(PREDICTIONS)]
    done = subprocess.run(command, cwd=WORK, stdout=subprocess.PIPE, text=True, check=True)
    found: Facts = json.loads(done.stdout)
    return found


def results(run: Facts) -> dict[str, Facts]:
    """Return what each step of the pipeline found."""
    return {one["step"]: one.get("result", {}) for one in run["attempts"]}


def summarise(steps: dict[str, Facts], asked: Facts, skew: Facts, watched: Facts) -> Facts:
    """Put the figures together."""
    p50, p99 = asked["latency_ms"]
    gate = steps["gate_boosting"]
    return {
        "rows": steps["ingest"]["rows"],
        "rejected": steps["ingest"]["rejected"],
        "contract_findings": steps["ingest"]["findings"],
        "features": steps["training_set"]["features"],
        "training_rows": steps["train_boosting"]["training_rows"],
        "training_set_seconds": steps["training_set"]["seconds"],
        "metrics": {
            "baseline": measured(steps["evaluate_baseline"]),
            "challenger": measured(steps["evaluate_boosting"]),
        },
        "gate": {name: gate[name] for name in ("decision", "delta", "lower", "p_value")},
        "predictions": asked["predictions"],
        "latency_ms": {"p50": round(p50, 3), "p99": round(p99, 3)},
        "skew": {name: skew[name] for name in ("checked", "mismatches")},
        "drift": {"alarms": watched["alarms"]},
        "labels": {"coverage": watched["coverage"]},
        "report": str((WORK / watched["report"]).relative_to(ROOT)),
    }


def measured(evaluated: Facts) -> Facts:
    """Return the metrics with their intervals, beside the base rate."""
    return {name: evaluated["metrics"][name] for name in (*METRICS, "base_rate")}


def show(summary: Facts, watched: Facts) -> None:
    """Draw one screen of results and say what to try next."""
    table = Table(title="Holdout, October to December", title_justify="left", box=box.SIMPLE_HEAD)
    for head in ("", "baseline", "", "boosting", ""):
        table.add_column(head, justify="right" if head else "left")
    for metric in METRICS:
        cells = [metric.replace("_", " ")]
        for who in ("baseline", "challenger"):
            one = summary["metrics"][who][metric]
            cells += [f"{one['value']:.4f}", f"[dim]{one['lower']:.4f}-{one['upper']:.4f}[/]"]
        table.add_row(*cells)
    console.print()
    console.print(table)
    gate, skew, latency = summary["gate"], summary["skew"], summary["latency_ms"]
    facts = {
        "rows": f"{sum(summary['rows'].values()):,} in {len(summary['rows'])} datasets",
        "features": f"{summary['features']} for {summary['rows']['schedule']:,} flights, "
        f"each as of its own time, in {summary['training_set_seconds']} s",
        "gate": f"{gate['decision']}: ROC AUC {gate['delta']:+.4f}, surely {gate['lower']:+.4f}, "
        f"p = {gate['p_value']:.2g}",
        "serving": f"{summary['predictions']:,} predictions by key, p50 {latency['p50']} ms, "
        f"p99 {latency['p99']} ms",
        "skew": f"{skew['mismatches']} mismatches in {skew['checked']:,} logged predictions",
        "labels": f"{summary['labels']['coverage']:.1%} known",
        "drift": f"{summary['drift']['alarms']} alarms in {len(watched['windows'])} weeks",
        "took": f"{summary['seconds']} s",
    }
    for name, text in facts.items():
        console.print(f"  [bold]{name:<9}[/] {text}", soft_wrap=True)
    folder = os.path.relpath(WORK)
    console.print(f"\n[green]next:[/] cd {folder}, with .venv/bin on the path")
    console.print("  towpath status                  what there is")
    console.print("  towpath model show delay        the model card")
    console.print("  towpath data show weather       a contract and its checks")
    console.print(f"  open {folder}/.towpath/state/reports/delay.html\n", soft_wrap=True)


if __name__ == "__main__":
    main()

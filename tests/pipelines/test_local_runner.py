from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from towpath.catalog import events, runs
from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.core.errors import Conflict, Contract, NotFound
from towpath.pipelines.pipeline import Pipeline, Step
from towpath.pipelines.runners import Report, Silence
from towpath.pipelines.runners.local import LocalRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from towpath.catalog.runs import Attempt, Run


class Heard:
    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []
        self.starts: list[tuple[str, int]] = []
        self.ticks: list[tuple[str, float, str]] = []
        self.seconds = 0.0

    def on_start(self, step: Step, attempt: int) -> None:
        self.starts.append((step.id, attempt))

    def on_tick(self, step: Step, elapsed: float, *, fraction: float, text: str) -> None:
        self.ticks.append((step.id, fraction, text))
        self.seconds = elapsed

    def on_end(self, step: Step, attempt: Attempt) -> None:
        self.ends.append((step.id, attempt.status))


def execute(uses: str, params: Mapping[str, object], report: Report) -> Mapping[str, object]:
    match uses:
        case "sleep":
            time.sleep(float(str(params["seconds"])))
        case "fail":
            raise Contract("3 rows lack a fare.", hint="Mend the file.")
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave":
            os._exit(3)
        case "unkept":
            return {"table": object()}
        case "report":
            for part in range(5):
                report(part / 4, f"part {part}")
                time.sleep(0.1)
        case "spawn":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            Path(str(params["file"])).write_text(str(child.pid))
            time.sleep(60)
        case "once":
            return _fail_once(Path(str(params["file"])))
    print(f"did {uses}")  # noqa: T201 - goes to the log
    return {"pid": os.getpid(), **params}


def _fail_once(marker: Path) -> Mapping[str, object]:
    if not marker.exists():
        marker.touch()
        raise ValueError("first time")
    return {"done": True}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open("sqlite:catalog.db", tmp_path) as opened:
        yield opened


def run(db: Database, *steps: Step, listener: Heard | None = None, resume: str = "") -> Run:
    runner = LocalRunner(db, db.path.parent / "runs", clock=SystemClock(), preload=("json",))
    return runner.run(Pipeline("p", steps), execute, listener=listener or Silence(), resume=resume)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_each_step_runs_in_its_own_process_and_leaves_its_result(db: Database) -> None:
    done = run(db, Step("a", "ok", {"rows": 3}), Step("b", "ok"))
    assert done.status == "succeeded"
    assert done.results["a"]["rows"] == 3
    assert len({os.getpid(), done.results["a"]["pid"], done.results["b"]["pid"]}) == 3
    assert runs.get(db, done.id) == done
    assert events.read(db, subject="pipeline/p")[0].action == "run.succeeded"


def test_what_a_step_writes_goes_to_its_log(db: Database) -> None:
    attempt = run(db, Step("a", "ok")).attempts[0]
    assert Path(attempt.log).read_text() == "did ok\n"


def test_a_failure_names_its_error_and_skips_the_rest(db: Database) -> None:
    heard = Heard()
    done = run(db, Step("a", "ok"), Step("b", "fail"), Step("c", "ok"), listener=heard)
    assert done.status == "failed"
    assert heard.ends == [("a", "succeeded"), ("b", "failed"), ("c", "skipped")]
    assert done.failure is not None
    assert str(done.failure.failure) == "Contract: 3 rows lack a fare. Mend the file."
    assert "Traceback" in Path(done.failure.log).read_text()


@pytest.mark.parametrize(
    ("uses", "text"),
    [
        ("crash", "ended by SIGKILL. Was memory short?"),
        ("leave", "exit code 3"),
        ("unkept", "cannot be kept"),
    ],
)
def test_a_step_that_dies_without_a_result_fails(db: Database, uses: str, text: str) -> None:
    done = run(db, Step("a", uses))
    assert done.failure is not None
    assert text in str(done.failure.failure)


def test_a_step_over_its_timeout_is_ended_with_what_it_started(
    db: Database, tmp_path: Path
) -> None:
    started = time.monotonic()
    done = run(db, Step("a", "spawn", {"file": str(tmp_path / "pid")}, timeout="1s"))
    assert done.attempts[0].status == "timed_out"
    assert "longer than its timeout of 1s" in str(done.attempts[0].failure)
    assert time.monotonic() - started < 5
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_retry_can_succeed_and_both_attempts_are_kept(db: Database, tmp_path: Path) -> None:
    done = run(db, Step("a", "once", {"file": str(tmp_path / "marker")}, retries=2))
    assert done.status == "succeeded"
    assert [(one.number, one.status) for one in done.attempts] == [(1, "failed"), (2, "succeeded")]
    assert done.attempts[0].log != done.attempts[1].log


def test_progress_reaches_the_listener_while_the_step_runs(db: Database) -> None:
    heard = Heard()
    run(db, Step("a", "report"), listener=heard)
    assert ("a", 0.5, "part 2") in heard.ticks
    assert heard.seconds > 0.3
    assert heard.ticks == sorted(heard.ticks)


def test_a_stale_attempt_cannot_record_its_result(db: Database) -> None:
    now = SystemClock().now()
    run_id = runs.start(db, "p", version="v", at=now)
    stale = runs.begin(db, run_id, step="a", log="", at=now)
    current = runs.begin(db, run_id, step="a", log="", at=now)
    with pytest.raises(Conflict, match="no longer current"):
        runs.finish(db, run_id, stale.replace(status="succeeded", ended_at=now))
    runs.finish(db, run_id, current.replace(status="succeeded", ended_at=now, result={"n": 2}))
    assert [one.status for one in runs.get(db, run_id).attempts] == ["lost", "succeeded"]
    with pytest.raises(Conflict):
        runs.finish(db, run_id, current.replace(status="failed", ended_at=now))


def test_a_resumed_run_keeps_what_succeeded(db: Database, tmp_path: Path) -> None:
    steps = (Step("a", "ok"), Step("b", "once", {"file": str(tmp_path / "marker")}))
    first = run(db, *steps)
    heard = Heard()
    second = run(db, *steps, listener=heard, resume=first.id)
    assert heard.ends == [("a", "kept"), ("b", "succeeded")]
    assert second.results["a"] == first.results["a"]


def test_a_changed_pipeline_is_not_resumed(db: Database) -> None:
    first = run(db, Step("a", "fail"))
    with pytest.raises(Conflict, match="has changed"):
        run(db, Step("a", "ok"), resume=first.id)
    with pytest.raises(NotFound, match="no run 'nosuch'"):
        run(db, Step("a", "ok"), resume="nosuch")


def test_steps_cost_a_fork_not_an_interpreter(db: Database) -> None:
    begun = time.monotonic()
    run(db, *(Step(f"s{number}", "ok") for number in range(10)))
    assert (time.monotonic() - begun) / 10 < 0.3


def test_the_last_runs_are_listed_newest_first(db: Database) -> None:
    first, second = run(db, Step("a", "ok")), run(db, Step("a", "ok"))
    assert [one.id for one in runs.latest(db, pipeline="p")] == [second.id, first.id]
    assert runs.latest(db, pipeline="other") == ()


SCRIPT = """
import json, os, sys, time
from pathlib import Path
from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.pipelines.pipeline import Pipeline, Step
from towpath.pipelines.runners import Silence
from towpath.pipelines.runners.local import LocalRunner

root = Path(sys.argv[1])

def execute(uses, params, report):
    with (root / "pids").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(0 if (root / "fast").exists() else float(params["seconds"]))
    return {}

db = Database.open("sqlite:catalog.db", root)
steps = tuple(Step(f"s{n}", "x", {"seconds": n * 30}) for n in range(2))
done = LocalRunner(db, root / "runs", clock=SystemClock()).run(
    Pipeline("p", steps), execute, listener=Silence(), resume=sys.argv[2]
)
print(json.dumps([done.id, done.status, [a.status for a in done.attempts]]))
"""


def started(root: Path, *, resume: str = "", lines: int = 2) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(root), resume], stdout=subprocess.PIPE, text=True
    )
    pids = root / "pids"
    while process.poll() is None and (
        not pids.exists() or len(pids.read_text().splitlines()) < lines
    ):
        time.sleep(0.02)
    return process


@pytest.mark.e2e
def test_a_killed_runner_takes_its_step_along_and_the_next_run_resumes(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.kill()
    first.communicate()
    step = int((tmp_path / "pids").read_text().split()[-1])
    deadline = time.monotonic() + 5
    while alive(step) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(step)
    (tmp_path / "fast").touch()
    with Database.open("sqlite:catalog.db", tmp_path) as db:
        lost = runs.latest(db)[0]
        second = started(tmp_path, resume=lost.id, lines=3)
        _, status, attempts = json.loads(second.communicate()[0])
        assert (status, attempts) == ("succeeded", ["kept", "succeeded"])
        assert runs.get(db, lost.id).status == "lost"


@pytest.mark.e2e
def test_an_interrupt_cancels_the_step_and_the_run(tmp_path: Path) -> None:
    process = started(tmp_path)
    process.send_signal(signal.SIGINT)
    _, status, attempts = json.loads(process.communicate(timeout=10)[0])
    assert (status, attempts) == ("cancelled", ["succeeded", "cancelled"])
    assert not alive(int((tmp_path / "pids").read_text().split()[-1]))


@pytest.mark.e2e
def test_a_pipeline_runs_once_at_a_time(tmp_path: Path) -> None:
    first = started(tmp_path)
    with Database.open("sqlite:catalog.db", tmp_path) as db:
        runner = LocalRunner(db, tmp_path / "runs", clock=SystemClock())
        with pytest.raises(Conflict, match="running already"):
            runner.run(Pipeline("p", (Step("a", "ok"),)), execute, listener=Silence())
        assert runs.latest(db)[0].status == "running"
    first.send_signal(signal.SIGINT)
    first.communicate()

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.features.test_division import LIFETIME, WINDOWED, giant_key
from tests.spark_here import require_spark, stop_session

from towpath.core.errors import Conflict, MissingExtra, Unavailable
from towpath.core.record import to_json
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.spark.cluster import (
    FILE,
    Cluster,
    ClusterStatus,
    Daemon,
    cluster_status,
    start_cluster,
    stop_cluster,
)
from towpath.spark.settings import SparkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 2
SLEEP = "import time; time.sleep(60)"
# The rows of these tests pass through no pandas.
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully:FutureWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the cluster of these tests keeps its files; it is stopped at the end."""
    require_spark()
    path = tmp_path_factory.mktemp("cluster")
    yield path
    stop_session()
    stop_cluster(path)


def start(folder: Path, **size: int) -> ClusterStatus:
    return start_cluster(folder, os.environ, memory="1g", **{"workers": WORKERS, **size})


@pytest.fixture
def cluster(folder: Path) -> ClusterStatus:
    return start(folder)


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def processes(cluster: ClusterStatus) -> list[int]:
    """Return what lives of a cluster's processes and of all that they started."""
    leaders = {one.pid for one in cluster.cluster.daemons}
    said = run("ps", "-A", "-o", "pid=,sess=,stat=")
    rows = [line.split() for line in said.splitlines()]
    return [int(pid) for pid, leader, state in rows if int(leader) in leaders and state[0] != "Z"]


def test_the_master_counts_all_workers(cluster: ClusterStatus) -> None:
    assert (cluster.state, cluster.workers, cluster.cores) == ("running", WORKERS, WORKERS)


def test_starting_what_runs_changes_nothing(folder: Path, cluster: ClusterStatus) -> None:
    assert start(folder).cluster == cluster.cluster


def test_another_size_is_refused_while_it_runs(folder: Path, cluster: ClusterStatus) -> None:
    with pytest.raises(Conflict, match="A cluster of 2 workers"):
        start(folder, workers=1)


def test_it_listens_on_this_machine_alone(cluster: ClusterStatus) -> None:
    said = run("ss", "-ltnpH")
    pids = [f"pid={one.pid}," for one in cluster.cluster.daemons]
    places = [line.split()[3] for line in said.splitlines() if any(pid in line for pid in pids)]
    assert places
    assert {place.rpartition(":")[0].strip("[]").removeprefix("::ffff:") for place in places} == {
        "127.0.0.1"
    }


def test_a_job_runs_on_every_worker_with_the_features_of_embedded(
    folder: Path, cluster: ClusterStatus
) -> None:
    from towpath.features.engines.spark import SparkEngine
    from towpath.spark.session import open_session

    url, settings = cluster.cluster.url, SparkSettings(memory="512m")
    engine = SparkEngine(url, settings, environ=os.environ, task_rows=1000)
    events, labels = giant_key(8_000)
    for view in (WINDOWED, LIFETIME):
        expected = EmbeddedEngine(2).compute(view, events, labels)
        assert engine.compute(view, events, labels).equals(expected)

    def place(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            time.sleep(0.3)
            yield pa.RecordBatch.from_pydict({"place": [str(Path.cwd())]})

    session = open_session(url, settings, environ=os.environ)
    found = session.range(0, 8, 1, 8).mapInArrow(place, "place string").toArrow()
    used = {str(one).removeprefix(str(folder)).split("/")[1] for one in found["place"].to_pylist()}
    assert used == {"worker-0", "worker-1"}
    stop_session()


def test_killed_processes_are_noticed_and_replaced(folder: Path, cluster: ClusterStatus) -> None:
    os.kill(cluster.cluster.daemons[-1].pid, signal.SIGKILL)
    found = cluster_status(folder)
    assert found is not None
    assert (found.state, found.workers) == ("degraded", WORKERS - 1)
    os.kill(cluster.cluster.daemons[0].pid, signal.SIGKILL)
    found = cluster_status(folder)
    assert found is not None
    assert (found.state, found.workers) == ("dead", 0)
    assert start(folder).state == "running"


def test_stopping_leaves_no_process(folder: Path) -> None:
    """Not even the executors of a session that still runs, whose worker was killed."""
    from towpath.spark.session import open_session

    cluster = start(folder)
    settings = SparkSettings(memory="512m")
    session = open_session(cluster.cluster.url, settings, environ=os.environ)
    session.range(0, 8, 1, 8).mapInArrow(lambda batches: batches, "id long").toArrow()
    assert len(processes(cluster)) > WORKERS + 1
    os.kill(cluster.cluster.daemons[-1].pid, signal.SIGKILL)
    assert stop_cluster(folder) == WORKERS
    assert processes(cluster) == []
    stop_session()
    assert cluster_status(folder) is None


def test_a_process_that_only_has_the_number_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    daemon = Daemon("master", other.pid, "")
    given = Cluster("spark://127.0.0.1:1", "http://127.0.0.1:1/", "-Dmark", (daemon,), 1, "1g")
    (tmp_path / FILE).write_bytes(to_json(given))
    try:
        assert stop_cluster(tmp_path) == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_without_java_the_error_says_what_to_install(tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    with pytest.raises(Unavailable, match="Install a Java runtime"):
        start_cluster(tmp_path, {"PATH": "/nowhere"})


def test_without_spark_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("towpath.spark.cluster.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'towpath\[spark\]'"):
        start_cluster(tmp_path, os.environ)

"""A cluster of Spark on this machine: a master and workers, started and stopped by us."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.durable import write_durably
from towpath.core.errors import Conflict, MissingExtra, Unavailable
from towpath.core.lock import locked
from towpath.core.record import Record, from_json, to_json
from towpath.spark.java import find_java

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOST = "127.0.0.1"
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
# Spark's own Java code needs these doors into Java's.
OPENED = ("java.lang", "java.nio", "java.util", "java.net", "sun.nio.ch", "sun.util.calendar")
# A master and its workers only pass on messages: starting fast counts, running fast does not.
LIGHT = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 120.0, 20.0, 5.0
POLL_SECONDS = 0.2
LAST_LINES = 5
FILE = "cluster.json"


class Daemon(Record, frozen=True):
    """A process of a cluster.

    Args:
        role: ``master`` or ``worker``.
        pid: its number.
        log: the file that it writes to.
    """

    role: str
    pid: int
    log: str


class Cluster(Record, frozen=True):
    """A cluster as it was started.

    Args:
        url: where sessions find it.
        status_url: where its master tells of its workers.
        mark: a word in the command line of each of its processes, and in no other's.
        daemons: its processes, the master first.
        cores: of each worker.
        memory: of each worker.
    """

    url: str
    status_url: str
    mark: str
    daemons: tuple[Daemon, ...]
    cores: int
    memory: str


class ClusterStatus(Record, frozen=True):
    """What is left of a cluster.

    Args:
        cluster: as it was started.
        state: ``running`` with all its workers, ``degraded`` without some, ``dead`` without its
            master.
        workers: how many the master says are alive.
        cores: of those together.
        applications: names of the sessions that run on it.
    """

    cluster: Cluster
    state: str
    workers: int
    cores: int
    applications: tuple[str, ...] = ()


def start_cluster(
    folder: Path,
    environ: Mapping[str, str],
    *,
    workers: int = 2,
    cores: int = 1,
    memory: str = "2g",
) -> ClusterStatus:
    """Start a master and workers that listen on this machine alone; wait until all are there.

    Where they run already, nothing happens; what is left of a broken cluster is stopped first.

    Args:
        folder: keeps logs, the workers' files, and which processes are ours.
        environ: the environment's variables.
        workers: how many.
        cores: of each.
        memory: of each, as Spark writes sizes.

    Raises:
        MissingExtra: Spark is not installed.
        Unavailable: there is no Java, or the cluster does not come up.
        Conflict: a cluster of another size runs.
    """
    with locked(folder / "cluster.lock", busy="Another command starts or stops the cluster."):
        present = cluster_status(folder)
        if present is not None and present.state == "running":
            return _same_size(present, (workers, cores, memory))
        if present is not None:
            _stop(folder, present.cluster)
        home = _spark_home()
        java = [str(find_java(environ)), "-cp", f"{home / 'jars'}/*", *LIGHT]
        java += [f"--add-opens=java.base/{one}=ALL-UNNAMED" for one in OPENED]
        port, status_port = _free_ports(2)
        mark = f"-Dtowpath.cluster={secrets.token_hex(8)}"
        cluster = Cluster(
            f"spark://{HOST}:{port}", f"http://{HOST}:{status_port}/json/", mark, (), cores, memory
        )
        # Without the address, Spark's pages are open to all of the network.
        own = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": HOST, **_scala(home)}
        launch = _Launch([*java, mark], folder, {**environ, **own})
        listen = ["--host", HOST, "--port"]
        try:
            ports = [str(port), "--webui-port", str(status_port)]
            cluster = launch.add(cluster, "master", [MASTER, *listen, *ports])
            _await_workers(folder, cluster, 0)
            for number in range(workers):
                given = ["0", "--webui-port", "0", "-c", str(cores), "-m", memory]
                place = ["-d", str(folder / f"worker-{number}"), cluster.url]
                cluster = launch.add(cluster, "worker", [WORKER, *listen, *given, *place])
            return _await_workers(folder, cluster, workers)
        except BaseException:
            _stop(folder, cluster)
            raise


def cluster_status(folder: Path) -> ClusterStatus | None:
    """Look at the cluster that was started with a folder; None if there is none.

    Example:
        >>> cluster_status(Path("/nowhere")) is None
        True
    """
    path = folder / FILE
    if not path.is_file():
        return None
    cluster = from_json(path.read_bytes(), Cluster)
    master, *started = cluster.daemons
    told = _ask(cluster) if _is_ours(master, cluster.mark) else None
    if told is None:
        return ClusterStatus(cluster, "dead", 0, 0)
    alive = [one for one in _listed(told, "workers") if one.get("state") == "ALIVE"]
    living = [one for one in started if _is_ours(one, cluster.mark)]
    whole = len(alive) == len(living) == len(started)
    return ClusterStatus(
        cluster,
        "running" if whole else "degraded",
        min(len(alive), len(living)),
        sum(int(str(one["cores"])) for one in alive),
        tuple(str(one["name"]) for one in _listed(told, "activeapps")),
    )


def stop_cluster(folder: Path) -> int:
    """Stop the processes of a cluster and what they started, and no others; return how many.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     stop_cluster(Path(folder))
        0
    """
    with locked(folder / "cluster.lock", busy="Another command starts or stops the cluster."):
        path = folder / FILE
        if not path.is_file():
            return 0
        return _stop(folder, from_json(path.read_bytes(), Cluster))


class _Launch:
    """Starts processes and writes down each at once, so that none is ever forgotten."""

    def __init__(self, java: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self._java, self._folder, self._environ = java, folder, environ

    def add(self, cluster: Cluster, role: str, arguments: Sequence[str]) -> Cluster:
        """Start one more process in a session of its own."""
        log = self._folder / f"{role}-{len(cluster.daemons)}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        # The process outlives this one, so nothing here holds it.
        pid = os.posix_spawn(
            self._java[0],
            [*self._java, *arguments],
            self._environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), writing, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        grown = cluster.replace(daemons=(*cluster.daemons, Daemon(role, pid, str(log))))
        write_durably(self._folder / FILE, to_json(grown))
        return grown


def _await_workers(folder: Path, cluster: Cluster, count: int) -> ClusterStatus:
    """Wait until the master answers and says that so many workers are alive."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        status = cluster_status(folder)
        if status is not None and status.state == "running" and status.workers == count:
            return status
        for one in cluster.daemons:
            if not _is_ours(one, cluster.mark):
                raise _failed(one, "ended at once")
        if time.monotonic() > deadline:
            raise _failed(cluster.daemons[-1], f"is not ready after {START_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


def _failed(daemon: Daemon, problem: str) -> Unavailable:
    """Say what a process wrote last."""
    lines = Path(daemon.log).read_text(encoding="utf-8", errors="replace").splitlines()
    said = " | ".join(line.strip() for line in lines[-LAST_LINES:])
    return Unavailable(f"Spark's {daemon.role} {problem}: {said}", hint=f"Read {daemon.log}.")


def _same_size(present: ClusterStatus, wanted: tuple[int, int, str]) -> ClusterStatus:
    """Return the running cluster, if it is as wanted."""
    own = present.cluster
    if (len(own.daemons) - 1, own.cores, own.memory) != wanted:
        message = (
            f"A cluster of {len(own.daemons) - 1} workers with {own.cores} cores and {own.memory}"
            f" each runs at {own.url}."
        )
        raise Conflict(message, hint="Stop it first: towpath spark down")
    return present


def _stop(folder: Path, cluster: Cluster) -> int:
    """End our processes, workers first, and what they started."""
    ours = [one for one in cluster.daemons if _is_ours(one, cluster.mark)]
    for one in reversed(ours):
        os.killpg(one.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(_is_ours(one, cluster.mark) for one in ours) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for one in cluster.daemons:
        _end(one)
    (folder / FILE).unlink(missing_ok=True)
    return len(ours)


def _end(daemon: Daemon) -> None:
    """End what a process left behind: its executors and their Pythons, if it was killed."""
    for pid in _descendants(daemon.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _reap(daemon.pid)


def _descendants(leader: int) -> list[int]:
    """Return the living processes of Spark in the session that a process began."""
    asked = ["ps", "-A", "-ww", "-o", "pid=,stat=,command="]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    found = []
    for pid, state, command in (line.split(maxsplit=2) for line in said.splitlines()):
        with suppress(ProcessLookupError, PermissionError):
            if "spark" in command and state[0] != "Z" and os.getsid(int(pid)) == leader:
                found.append(int(pid))
    return found


def _is_ours(daemon: Daemon, mark: str) -> bool:
    """Tell whether a process lives and is the one that was started, not a later one's number."""
    _reap(daemon.pid)
    asked = ["ps", "-o", "command=", "-ww", "-p", str(daemon.pid)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return mark in said


def _reap(pid: int) -> None:
    """Let go of an ended process, if this one is its parent."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _ask(cluster: Cluster) -> Mapping[str, object] | None:
    """Return what the master says of itself, or None if it says nothing."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(cluster.status_url, timeout=ANSWER_SECONDS) as answer:
            told: Mapping[str, object] = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return told


def _listed(told: Mapping[str, object], name: str) -> list[dict[str, object]]:
    """Return a list within the master's answer."""
    found = told.get(name)
    return found if isinstance(found, list) else []


def _spark_home() -> Path:
    """Return the folder of the installed Spark, without loading it."""
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        message = "Spark needs the library 'pyspark'."
        raise MissingExtra(message, hint="Run: pip install 'towpath[spark]'")
    return Path(found.origin).parent


def _scala(home: Path) -> dict[str, str]:
    """Name the version of Scala, which workers need to start executors."""
    core = next(iter((home / "jars").glob("spark-core_*.jar")), Path())
    return {"SPARK_SCALA_VERSION": core.name.removeprefix("spark-core_").partition("-")[0]}


def _free_ports(count: int) -> list[int]:
    """Find ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()

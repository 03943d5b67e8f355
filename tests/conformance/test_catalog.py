from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from towpath.catalog.database import Database
from towpath.testing.catalog import CatalogSuite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def opener(url: str, root: Path) -> Iterator[Callable[[], Database]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Database.open(url, root))


class TestSqlite(CatalogSuite):
    @pytest.fixture
    def catalogs(self, tmp_path: Path) -> Iterator[Callable[[], Database]]:
        yield from opener("sqlite:catalog.db", tmp_path)


class TestPostgres(CatalogSuite):
    @pytest.fixture
    def catalogs(self, postgres_url: str, tmp_path: Path) -> Iterator[Callable[[], Database]]:
        yield from opener(postgres_url, tmp_path)

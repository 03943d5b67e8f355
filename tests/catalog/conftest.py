from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from towpath.catalog.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Open = Callable[[], Database]


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A schema of its own for each test."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True, application_name="tests") as admin:
        admin.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        yield f"{postgres_server}&options={quote(f'-csearch_path={name}')}"
        admin.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Where the catalog is kept: every test runs on both kinds of database."""
    if request.param == "sqlite":
        return "sqlite:catalog.db"
    return cast("str", request.getfixturevalue("postgres_url"))


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Open]:
    """Opens the same catalog as often as a test likes."""
    databases: list[Database] = []

    def again() -> Database:
        databases.append(Database.open(url, tmp_path))
        return databases[-1]

    yield again
    for database in databases:
        database.close()


@pytest.fixture
def db(opened: Open) -> Database:
    return opened()

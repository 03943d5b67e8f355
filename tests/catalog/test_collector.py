from __future__ import annotations

import multiprocessing
import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest

from towpath.catalog import collector
from towpath.catalog.collector import Outbox, open_outbox
from towpath.catalog.events import read
from towpath.catalog.openlineage import Job, RunEvent
from towpath.core.errors import Invalid
from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from towpath.catalog.database import Database

AT = parse_instant("2026-01-01")


class Marquez(HTTPServer):
    """A collector that keeps what it is sent, or answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 201
        self.heard: list[tuple[str, str]] = []
        self.logins: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/api/v1/lineage"


class Handler(BaseHTTPRequestHandler):
    server: Marquez

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.logins.append(self.headers["Authorization"])
        if self.server.status < 300:
            self.server.heard.append((self.path, msgspec.json.decode(body)["job"]["name"]))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def marquez() -> Iterator[Marquez]:
    server = Marquez()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def started(name: str) -> RunEvent:
    return RunEvent("START", Job("taxi", name, "run_7"), AT)


def outbox(url: str, db: Database, root: Path) -> Outbox:
    return open_outbox(url, db, root=root, state=root / "state")


def warnings(db: Database) -> list[str]:
    return [str(one.data["message"]) for one in read(db, action="lineage.undelivered")]


def names(path: Path) -> list[str]:
    return [msgspec.json.decode(line)["job"]["name"] for line in path.read_bytes().splitlines()]


def test_a_file_gets_a_line_for_each_event(db: Database, tmp_path: Path) -> None:
    box = outbox("file:out/lineage.jsonl", db, tmp_path)
    for name in "abc":
        box.send(started(name))
    assert names(tmp_path / "out/lineage.jsonl") == ["a", "b", "c"]
    assert warnings(db) == []


def send_many(db: Database, root: Path, name: str) -> None:
    for _ in range(20):
        outbox("file:lineage.jsonl", db, root).send(started(name * 500))


def test_lines_of_several_processes_stay_whole(db: Database, tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=send_many, args=(db, tmp_path, name)) for name in "abc"]
    for child in children:
        child.start()
    for child in children:
        child.join()
    found = names(tmp_path / "lineage.jsonl")
    assert sorted(name[0] for name in found) == [*("a" * 20), *("b" * 20), *("c" * 20)]


def test_a_collector_gets_each_event(db: Database, tmp_path: Path, marquez: Marquez) -> None:
    outbox(marquez.url, db, tmp_path).send(started("a"))
    assert marquez.heard == [("/api/v1/lineage", "a")]


def test_user_and_password_of_the_url_are_sent(
    db: Database, tmp_path: Path, marquez: Marquez
) -> None:
    url = marquez.url.replace("http://", "http://ada:hunter2%40@")
    outbox(url, db, tmp_path).send(started("a"))
    assert marquez.logins == ["Basic " + b64encode(b"ada:hunter2@").decode()]
    marquez.status = 401
    outbox(url, db, tmp_path).send(started("b"))
    assert "hunter2" not in str(warnings(db))


@pytest.mark.parametrize("status", [500, 503, 429, 401, 403, 404])
def test_what_could_not_be_delivered_is_sent_next_time(
    db: Database, tmp_path: Path, marquez: Marquez, status: int
) -> None:
    box = outbox(marquez.url, db, tmp_path)
    marquez.status = status
    for name in "ab":
        box.send(started(name))
    assert (marquez.heard, len(warnings(db))) == ([], 2)
    assert names(tmp_path / "state/openlineage.spool") == ["a", "b"]
    assert box.waiting == 2
    marquez.status = 200
    box.send(started("c"))
    assert [name for _, name in marquez.heard] == ["a", "b", "c"]
    assert not (tmp_path / "state/openlineage.spool").exists()


def test_a_long_queue_is_sent_in_several_goes(
    db: Database, tmp_path: Path, marquez: Marquez, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = outbox("http://127.0.0.1:9/", db, tmp_path)
    box.send(started("a"))
    monkeypatch.setattr(collector, "SENDING_SECONDS", 0.0)
    box = outbox(marquez.url, db, tmp_path)
    for name in "bc":
        box.send(started(name))
    monkeypatch.setattr(collector, "SENDING_SECONDS", 5.0)
    box.send(started("d"))
    assert [name for _, name in marquez.heard] == ["a", "b", "c", "d"]


def test_what_is_refused_is_told_and_not_sent_again(
    db: Database, tmp_path: Path, marquez: Marquez
) -> None:
    box = outbox(marquez.url, db, tmp_path)
    marquez.status = 422
    box.send(started("a"))
    assert ["refused one: 422" in text for text in warnings(db)] == [True]
    marquez.status = 200
    box.send(started("b"))
    assert [name for _, name in marquez.heard] == ["b"]


def test_a_collector_that_is_not_there_fails_nothing(db: Database, tmp_path: Path) -> None:
    outbox("http://127.0.0.1:9/api/v1/lineage", db, tmp_path).send(started("a"))
    assert "does not answer" in warnings(db)[0]
    assert names(tmp_path / "state/openlineage.spool") == ["a"]


def test_a_collector_that_says_nothing_holds_nobody_up(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "SECONDS", 0.2)
    silent = HTTPServer(("127.0.0.1", 0), Handler)
    began = time.perf_counter()
    outbox(f"http://127.0.0.1:{silent.server_port}/", db, tmp_path).send(started("a"))
    assert time.perf_counter() - began < 2
    assert "does not answer" in warnings(db)[0]
    silent.server_close()


def test_the_oldest_events_are_given_up_when_too_many_wait(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "MOST_SPOOLED", 2)
    box = outbox("http://127.0.0.1:9/", db, tmp_path)
    for name in "abc":
        box.send(started(name))
    assert names(tmp_path / "state/openlineage.spool") == ["b", "c"]
    assert "given up" in warnings(db)[0]


def test_a_file_that_cannot_be_written_fails_nothing(db: Database, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    outbox("file:taken/lineage.jsonl", db, tmp_path).send(started("a"))
    assert "cannot be written" in warnings(db)[0]
    assert names(tmp_path / "state/openlineage.spool") == ["a"]


def test_a_spool_that_cannot_be_written_fails_nothing(db: Database, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    outbox("file:lineage.jsonl", db, tmp_path).send(started("a"))
    assert "could not be kept" in warnings(db)[0]


@pytest.mark.parametrize("address", ["kafka:events", "http://", "http:///api", "http://host:x/"])
def test_another_url_is_refused(db: Database, tmp_path: Path, address: str) -> None:
    with pytest.raises(Invalid, match="lineage"):
        outbox(address, db, tmp_path)


@pytest.mark.parametrize("address", ["ftp://x:S3cr3t@y", "http://u:S3cr3t@h:0/x"])
def test_a_url_that_is_refused_does_not_tell_the_password(
    db: Database, tmp_path: Path, address: str
) -> None:
    with pytest.raises(Invalid) as caught:
        outbox(address, db, tmp_path)
    assert "S3cr3t" not in str(caught.value)


def test_a_run_event_falls_with_nothing(db: Database, tmp_path: Path) -> None:
    """A run's own transaction that fails does not take back what was sent."""

    def fail() -> NoReturn:
        with db.transaction():
            outbox("file:lineage.jsonl", db, tmp_path).send(started("a"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert names(tmp_path / "lineage.jsonl") == ["a"]

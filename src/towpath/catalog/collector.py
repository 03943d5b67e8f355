"""Where OpenLineage events go: a file, or a collector that listens on HTTP."""

from __future__ import annotations

import http.client
import os
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from towpath.catalog.events import emit
from towpath.catalog.openlineage import to_openlineage
from towpath.core.durable import write_durably
from towpath.core.errors import Conflict, Invalid, Unavailable
from towpath.core.event import Event
from towpath.core.lock import locked
from towpath.core.plugins import scheme
from towpath.core.record import to_json
from towpath.core.settings import local_path
from towpath.core.url import shown_url

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.catalog.database import Database
    from towpath.catalog.openlineage import RunEvent

SECONDS = 2.0
# Who sends gives way to the next one long before that one gives up waiting.
SENDING_SECONDS = 5.0
LOCK_SECONDS = 15.0
MOST_SPOOLED = 10_000
ACTOR = "towpath"
OK, BAD_REQUEST, TOO_MANY, SERVER_ERROR = 200, 400, 429, 500
# Whoever set the URL can mend what these complain of; the events are kept until then.
MENDABLE = {401, 403, 404}
SPOOL = "openlineage.spool"


class Collector(Protocol):
    """Takes lines of JSON, one an event, in order.

    ``send`` raises Unavailable when the line may be sent again later, and Invalid when it was
    refused for good. Two processes may send at the same time.
    """

    def send(self, line: bytes) -> None:
        """Deliver one event."""


class FileCollector:
    """Appends to a file of JSON lines; a line is written as a whole or, on a full disk, not.

    Args:
        path: the file; it and its folder are created when missing.
    """

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self._path = path

    def send(self, line: bytes) -> None:
        """Append with one write."""
        data = line + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                written = os.write(handle, data)
                if written < len(data):
                    os.ftruncate(handle, os.fstat(handle).st_size - written)
            finally:
                os.close(handle)
        except OSError as error:
            message = f"The file of lineage events {self._path} cannot be written ({error})."
            raise Unavailable(message, hint="Check the path and the disk.") from error
        if written < len(data):
            message = f"The disk of {self._path} is full."
            raise Unavailable(message, hint="Free some space.")


class HttpCollector:
    """Posts each event to a collector such as Marquez.

    Args:
        url: such as ``http://marquez:5000/api/v1/lineage``; a user and password in it are sent as
            Basic authentication.

    Raises:
        Invalid: the URL names no host, or no port that can be.
    """

    def __init__(self, url: str) -> None:
        """Read the URL; connect to nothing yet."""
        parts = urlsplit(url)
        try:
            named = parts.hostname is not None and parts.port != 0
        except ValueError:
            named = False
        if not named:
            message = f"The collector {shown_url(url)!r} has no host and port that can be reached."
            raise Invalid(message, hint="Write it as http://HOST:PORT/api/v1/lineage.")
        self._host = parts.netloc.rpartition("@")[2]
        self._secure = parts.scheme == "https"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json"}
        login = parts.netloc.rpartition("@")[0]
        if login:
            user, _, password = login.partition(":")
            token = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"

    def send(self, line: bytes) -> None:
        """Post, and wait at most two seconds for each step of it."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, timeout=SECONDS)
        try:
            connection.request("POST", self._path, line, self._headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            message = f"The collector of lineage events at {self._host} does not answer ({error})."
            raise Unavailable(message, hint="Start it, or take openlineage out.") from error
        finally:
            connection.close()
        if status >= SERVER_ERROR or status == TOO_MANY:
            message = f"The collector of lineage events at {self._host} answered {status}."
            raise Unavailable(message, hint="Look into its log.")
        if status in MENDABLE:
            message = f"The collector of lineage events at {self._host} lets nobody in: {status}."
            raise Unavailable(message, hint="Mend user, password and path of its URL.")
        if not OK <= status < BAD_REQUEST:
            message = f"The collector of lineage events at {self._host} refused one: {status}."
            raise Invalid(message, hint="Check the path of its URL, and its version.")


class Outbox:
    """Delivers events, and keeps those that could not be delivered for the next time.

    Delivery never fails what it tells of: what goes wrong becomes an event of the catalog's log.

    Args:
        db: the catalog, whose log is told.
        collector: where events go.
        spool: the file of events that wait.
    """

    def __init__(self, db: Database, collector: Collector, spool: Path) -> None:
        """Open nothing yet."""
        self._db = db
        self._collector = collector
        self._spool = spool

    def send(self, event: RunEvent) -> None:
        """Deliver what waits, then the event; keep all that could not be delivered."""
        line = to_json(to_openlineage(event))
        lock = self._spool.with_suffix(".lock")
        try:
            with locked(lock, wait_seconds=LOCK_SECONDS):
                self._deliver([*self._waiting(), line], event)
        except (Conflict, OSError) as error:
            self._warn(event, f"An event could not be kept: {error}")

    @property
    def waiting(self) -> int:
        """How many events wait to be delivered."""
        return len(self._waiting())

    def _waiting(self) -> list[bytes]:
        """Read the events that wait, the oldest first."""
        return self._spool.read_bytes().splitlines() if self._spool.exists() else []

    def _deliver(self, lines: list[bytes], event: RunEvent) -> None:
        """Deliver in order until one has to wait, or time is up; all after it wait too."""
        sent, deadline = 0, time.monotonic() + SENDING_SECONDS
        for line in lines:
            if time.monotonic() > deadline:
                break
            try:
                self._collector.send(line)
            except Invalid as error:
                self._warn(event, str(error))
            except Unavailable as error:
                self._warn(event, str(error))
                break
            sent += 1
        rest = lines[sent:]
        if len(rest) > MOST_SPOOLED:
            self._warn(event, f"{len(rest) - MOST_SPOOLED} of the oldest events were given up.")
            rest = rest[-MOST_SPOOLED:]
        if rest:
            write_durably(self._spool, b"".join(line + b"\n" for line in rest))
        else:
            self._spool.unlink(missing_ok=True)

    def _warn(self, event: RunEvent, message: str) -> None:
        """Tell the log of events."""
        emit(
            self._db,
            Event(
                at=event.at,
                actor=ACTOR,
                action="lineage.undelivered",
                subject=f"run/{event.job.run}",
                data={"job": event.job.name, "state": event.state, "message": message},
            ),
        )


def open_outbox(url: str, db: Database, *, root: Path, state: Path) -> Outbox:
    """Open the way to a collector.

    Args:
        url: ``file:PATH`` for JSON lines, or ``http://HOST/api/v1/lineage``, or https.
        db: the catalog.
        root: the project's folder, where a relative path begins.
        state: folder of what the project keeps.

    Raises:
        Invalid: the URL has another scheme or no host.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> from towpath.catalog.openlineage import Job, RunEvent
        >>> from towpath.core.instant import EPOCH
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = Path(folder)
        ...     with Database.open("sqlite:catalog.db", root) as db:
        ...         outbox = open_outbox("file:lineage.jsonl", db, root=root, state=root)
        ...         outbox.send(RunEvent("START", Job("taxi", "ingest.trips", "r1"), EPOCH))
        ...     (root / "lineage.jsonl").read_bytes().count(b"START")
        1
    """
    spool = state / SPOOL
    if scheme(url) == "file":
        return Outbox(db, FileCollector(local_path(url, root)), spool)
    if scheme(url) in {"http", "https"}:
        return Outbox(db, HttpCollector(url), spool)
    message = f"Lineage events cannot be sent to {shown_url(url)!r}."
    raise Invalid(message, hint="Write openlineage = 'file:PATH' or 'http://HOST/api/v1/lineage'.")

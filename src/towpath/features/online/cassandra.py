"""Online values in Cassandra: a partition for each key, whose rows are the key's parts.

A key's partition is named by the generation of its area and the key, and has a version. To change
a key is one lightweight transaction on its partition, which takes place only if the version is
still the one that was read. A generation is written by plain inserts, with a time before all others
so that whatever changes it later wins, and then named in the table of areas.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING

import cassandra
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.query import BatchStatement, BatchType

from towpath.core.errors import Denied, Invalid, TowpathError, Unavailable
from towpath.features.online import META_KEY, changed, check_replaced
from towpath.features.online.cassandra_session import Opened
from towpath.features.online.change import (
    ATTEMPTS,
    Change,
    Contended,
    Overtaken,
    edits_of,
    kept,
    meta_of,
    pause,
    portions,
)
from towpath.features.online.group_commit import GroupCommits
from towpath.features.online.server_url import read_server_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from towpath.features.online import Buffer, Edit, Item, NewMeta, Parts, Row

TEXTS = {"consistency": "QUORUM", "datacenter": ""}
NUMBERS = {"timeout": 2.0, "connect_timeout": 2.0, "replication": 0.0}
PORT = 9042
LEVELS = {
    name: cassandra.ConsistencyLevel.name_to_value[name]
    for name in ("QUORUM", "LOCAL_QUORUM", "ALL")
}
KEYS_AT_ONCE = 64
ROWS_AT_ONCE = 2_000
# Readers that began before a generation was replaced may still ask for it.
GRACE_SECONDS = 60.0
# A generation that was begun so long ago and never became the present one was given up.
GIVEN_UP_SECONDS = 86_400.0
REFUSED = (cassandra.AuthenticationFailed, cassandra.Unauthorized)
# What leaves it open whether a transaction took place.
UNSURE = (
    cassandra.WriteTimeout,
    cassandra.WriteFailure,
    cassandra.OperationTimedOut,
    ConnectionException,
)


class CassandraStore:
    """Keeps areas in a keyspace of Cassandra; see ``OnlineStore`` for what it promises.

    Reads and writes are at QUORUM, unless the URL says otherwise: one replica of three may be down.
    The keyspace and its tables are made if they are not there, with as many replicas as the URL
    names hosts, three at most. An error of a change leaves open whether it was made.

    Args:
        url: such as ``cassandra://10.0.0.1,10.0.0.2:9042/towpath?timeout=2&connect_timeout=2``;
            further options are ``consistency``, ``datacenter`` and ``replication``.
        root: not used.
    """

    remote = True

    def __init__(self, url: str, root: Path | None = None) -> None:
        del root
        self._url = read_server_url(url, PORT, options=TEXTS, numbers=NUMBERS)
        asked = self._url.options["consistency"].upper()
        if asked not in LEVELS:
            message = f"The URL {self._url.shown} asks for the consistency {asked}."
            raise Invalid(message, hint=f"Reads that see every change need {' or '.join(LEVELS)}.")
        self._level = LEVELS[asked]
        self._opened: Opened | None = None
        self._turn = threading.Lock()
        self._process = os.getpid()
        self._groups = GroupCommits(self._commit)
        self._generations: dict[str, uuid.UUID] = {}

    def write(self, area: str, rows: Iterable[Row], meta: bytes, *, replaces: bytes | None) -> None:
        """Write another generation, then name it in the table of areas."""
        generation = uuid.uuid4()
        with self._connected() as opened:
            check_replaced(area, self._area(opened, area)[1], replaces)
            opened.ask("leave", area, generation, time.time() + GIVEN_UP_SECONDS).result()
        try:
            left = iter(rows)
            while some := list(islice(left, ROWS_AT_ONCE)):
                self._fill(generation, some)
            with self._connected() as opened:
                swapped = self._swap(opened, area, (generation, meta), replaces)
        except BaseException:
            # It may have become the present one all the same: whoever removes it looks.
            with suppress(Unavailable, Denied), self._connected() as opened:
                self._leave(opened, area, generation)
            raise
        with suppress(Unavailable, Denied):
            self._clean(area)
        if not swapped:
            raise changed(area)

    def change(
        self, area: str, keys: Sequence[bytes], edit: Edit, *, meta: NewMeta | None = None
    ) -> None:
        """Read the keys, edit them here, and write those that nobody changed meanwhile; again."""
        self._groups.run(area, Change(keys, edit, meta))

    def read(self, items: Sequence[Item]) -> list[Buffer | None]:
        """Return the values of the items; all questions are asked at once.

        They go to the generations known from before, together with one for the present ones; what
        has another by now is asked for again.
        """
        with self._connected() as opened:
            asked = {item.area: opened.ask("area", item.area) for item in items}
            known = dict(self._generations)
            found = _parts(opened, items, known)
            rows = {area: answer.result().one() for area, answer in asked.items()}
            present = {area: row.generation for area, row in rows.items() if row}
            self._generations.update(present)
            moved = [one for one in items if present.get(one.area) != known.get(one.area)]
            found.update(_parts(opened, moved, present))
        texts = {area: row.meta for area, row in rows.items() if row}
        return [
            texts.get(area)
            if key == META_KEY
            else found.get((area, key), {}).get(part)
            if area in present
            else None
            for area, key, part in items
        ]

    def keys(self, area: str) -> Iterator[bytes]:
        """Return the keys, found by a scan of the whole table."""
        with self._connected() as opened:
            generation, _ = self._area(opened, area)
            present = {generation} if generation else set()
            return iter([key for _, key in _keys(opened, present)])

    def drop(self, area: str) -> None:
        """Forget the area's generation; its keys are removed by a later write or drop."""
        with self._connected() as opened:
            for attempt in range(ATTEMPTS):
                generation, _ = self._area(opened, area)
                if generation is None or opened.applied("drop", area, generation):
                    break
                pause(attempt)
            if generation is not None:
                self._leave(opened, area, generation)
        with suppress(Unavailable, Denied):
            self._clean(area)

    def close(self) -> None:
        """Close the connections."""
        opened, self._opened = self._opened, None
        if opened is not None and self._process == os.getpid():
            opened.cluster.shutdown()

    def _restart(self) -> None:
        """Start with nothing open, as a forked process must."""
        self._opened = None
        self._turn = threading.Lock()
        self._process = os.getpid()

    def _commit(self, area: str, changes: Sequence[Change]) -> None:
        """Change keys, then the text; again if the area was replaced meanwhile."""
        edits, meta = edits_of(changes), meta_of(changes)
        with self._connected() as opened:
            for attempt in range(ATTEMPTS):
                generation = self._made(opened, area)
                for some in portions(edits, KEYS_AT_ONCE):
                    self._change(opened, generation, some)
                if self._tell(opened, area, generation, meta):
                    return
                pause(attempt)
        raise self._crowded()

    def _change(self, opened: Opened, generation: uuid.UUID, left: Mapping[bytes, Edit]) -> None:
        """Change some keys of a generation."""
        for attempt in range(ATTEMPTS):
            answers = {key: opened.ask("root", generation, key) for key in left}
            trials = []
            for key, answer in answers.items():
                look = _Look(opened, generation, key, answer.result().one())
                with suppress(Overtaken):
                    trials.append(_Trial(look, left[key](key, look.get)))
            done = {trial.key for trial in trials if trial.took_place()}
            left = {key: edit for key, edit in left.items() if key not in done}
            if not left:
                return
            pause(attempt)
        raise self._crowded()

    def _tell(self, opened: Opened, area: str, generation: uuid.UUID, meta: NewMeta | None) -> bool:
        """Replace the text if asked to; False if the generation was replaced meanwhile."""
        for attempt in range(ATTEMPTS):
            now, before = self._area(opened, area)
            if now != generation:
                return False
            if meta is None and before is not None:
                return True
            text = (meta or kept)(before)
            if opened.applied("swap", generation, text, area, generation, before):
                return True
            pause(attempt)
        raise self._crowded()

    def _made(self, opened: Opened, area: str) -> uuid.UUID:
        """Return the area's generation, a new one where there is none."""
        generation, _ = self._area(opened, area)
        if generation is None:
            opened.applied("make", area, uuid.uuid4())
            generation, _ = self._area(opened, area)
        if generation is None:
            raise self._crowded()
        return generation

    def _swap(
        self, opened: Opened, area: str, to: tuple[uuid.UUID, bytes], replaces: bytes | None
    ) -> bool:
        """Name a complete generation as the present one; False if another was faster."""
        for attempt in range(ATTEMPTS):
            before, text = self._area(opened, area)
            if text != replaces:
                self._leave(opened, area, to[0])
                return False
            if opened.applied("swap", *to, area, before, text):
                if before is not None:
                    self._leave(opened, area, before)
                opened.ask("forget", area, to[0]).result()
                return True
            pause(attempt)
        raise self._crowded()

    def _leave(self, opened: Opened, area: str, generation: uuid.UUID) -> None:
        """Let a generation be removed, once nobody can be reading it."""
        opened.ask("leave", area, generation, time.time() + GRACE_SECONDS).result()

    def _fill(self, generation: uuid.UUID, rows: Sequence[Row]) -> None:
        """Write rows of a generation that nobody reads yet."""
        with self._connected() as opened:
            opened.all("fill", [(generation, *row) for row in rows])

    def _clean(self, area: str) -> None:
        """Remove the keys of generations that nobody reads any more."""
        with self._connected() as opened:
            rows = opened.ask("left", area).result()
            gone = {row.generation for row in rows if row.until < time.time()}
            if not gone:
                return
            # After all transactions under way, as one may be the present one nevertheless.
            present = opened.settled("area", area)
            kept_one = {present.generation} if present else set()
            for generation, key in _keys(opened, gone - kept_one):
                opened.ask("remove", generation, key).result()
            for generation in gone:
                opened.ask("forget", area, generation).result()

    def _area(self, opened: Opened, area: str) -> tuple[uuid.UUID | None, bytes | None]:
        """Return the area's generation and text."""
        row = opened.first("area", area)
        return (None, None) if row is None else (row.generation, row.meta)

    @contextmanager
    def _connected(self) -> Iterator[Opened]:
        """Connect if need be, and say what an error means for the caller."""
        try:
            if self._process != os.getpid():
                self._restart()
            with self._turn:
                opened = self._opened = self._opened or Opened.to(self._url, self._level)
            yield opened
        except (*REFUSED, NoHostAvailable) as error:
            inside = [error, *getattr(error, "errors", {}).values()]
            if any(isinstance(one, REFUSED) for one in inside):
                message = f"The online store {self._url.shown} refuses: {error}."
                raise Denied(message, hint="Check its user and password.") from error
            raise self._down(error) from error
        except (cassandra.DriverException, ConnectionException) as error:
            raise self._down(error) from error

    def _down(self, error: Exception) -> TowpathError:
        message = f"The online store {self._url.shown} does not work: {error}."
        return Unavailable(message, hint="Start it, or wait until it answers.")

    def _crowded(self) -> Contended:
        message = f"The online store {self._url.shown} has too many writers of the same keys."
        return Contended(message, hint="Retry, or let fewer processes write.")


class _Look:
    """Reads parts of one key as of one version."""

    def __init__(self, opened: Opened, generation: uuid.UUID, key: bytes, row: Any) -> None:  # noqa: ANN401 - a row
        self.opened, self.generation, self.key = opened, generation, key
        self.version: uuid.UUID | None = row.version if row else None
        self._first = {row.part: row.value} if row else {}

    def get(self, part: bytes) -> bytes | None:
        """Return a part, if the key is still what it was."""
        if part in self._first or part == b"" or not self._first:
            return self._first.get(part)
        row = self.opened.first("part", self.generation, self.key, part)
        # What is not there does not tell the version either.
        about = row or self.opened.first("root", self.generation, self.key)
        if (about.version if about else None) != self.version:
            raise Overtaken
        return row.value if row else None


class _Trial:
    """A lightweight transaction on its way: a key's edit, if nobody changed the key meanwhile."""

    def __init__(self, look: _Look, parts: Parts) -> None:
        self.key = look.key
        self._look, self._version = look, uuid.uuid4()
        batch = BatchStatement(BatchType.UNLOGGED)
        statements, place = look.opened.statements, (look.generation, look.key)
        batch.add(statements["claim"], (self._version, *place, look.version))
        for part, value in parts.items():
            if value is None:
                batch.add(statements["cut"], (*place, part))
            else:
                batch.add(statements["put"], (*place, part, bytes(value)))
        self._answer = look.opened.session.execute_async(batch) if parts else None

    def took_place(self) -> bool:
        """Wait for the answer; where that leaves it open, look at the version."""
        if self._answer is None:
            return True
        try:
            return bool(self._answer.result().was_applied) or self._found()
        except UNSURE:
            if self._found():
                return True
            raise

    def _found(self) -> bool:
        """Tell whether this was the last change of its key, after all that is under way."""
        row = self._look.opened.settled("root", self._look.generation, self.key)
        return row is not None and row.version == self._version


def _parts(
    opened: Opened, items: Sequence[Item], generations: Mapping[str, uuid.UUID]
) -> dict[tuple[str, bytes], dict[bytes, bytes]]:
    """Return what there is of the items, one question for each key."""
    wanted: dict[tuple[str, bytes], list[bytes]] = {}
    for area, key, part in items:
        if key != META_KEY and area in generations:
            wanted.setdefault((area, key), []).append(part)
    answers = {
        (area, key): opened.ask("read", generations[area], key, parts)
        for (area, key), parts in wanted.items()
    }
    return {
        place: {row.part: row.value for row in answer.result()} for place, answer in answers.items()
    }


def _keys(opened: Opened, generations: set[uuid.UUID]) -> Iterator[tuple[uuid.UUID, bytes]]:
    """Find the keys of generations that have a part."""
    for row in opened.ask("keys").result():
        if row.generation in generations and row.part is not None:
            yield row.generation, row.key

"""Online values in Valkey or Redis: a hash for each key, whose fields are the key's parts.

An area is a hash too, with the name of its present generation and its meta text; a key's hash is
named by the generation and the key. Scripts do on the server what must be one step: to change keys
that nobody else has changed since they were read, to put a generation in place. ``redis_read`` says
why reading needs none.
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, cast

import redis

from towpath.core.errors import Denied, Unavailable
from towpath.features.online import changed, check_replaced
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
from towpath.features.online.redis_client import explained, open_client
from towpath.features.online.redis_question import about_name, keys_start
from towpath.features.online.redis_read import RedisReader
from towpath.features.online.redis_scripts import SCRIPTS
from towpath.features.online.server_url import read_server_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

    from towpath.features.online import Buffer, Edit, Item, NewMeta, Parts, Row

TEXTS = {"prefix": "towpath:"}
TIMEOUTS = {"timeout": 0.5, "connect_timeout": 1.0}
# How long the server may take to write what it acknowledged to its disk.
DISK_SECONDS = 10.0
KEYS_AT_ONCE = 256
ROWS_AT_ONCE = 2_000
PORT = 6379
OTHER_TEXT = 2
# Longer than any part, so that none is called so.
VERSION = b"towpath.key.version"
# What a server says that keeps no append-only file, or is too old to be asked about it.
NO_FILE = re.compile("appendonly is disabled|unknown command", re.IGNORECASE)
GLOB = re.compile(rb"([*?\[\]^\\-])")


class RedisStore:
    """Keeps areas in a database of Valkey or Redis; see ``OnlineStore`` for what it promises.

    A change returns once the server has it on its disk, if it keeps an append-only file; without
    one (``appendonly no``) it survives what the server's snapshots survive.

    Args:
        url: such as ``redis://127.0.0.1:6379/0?prefix=taxi:&timeout=0.5&connect_timeout=1``, the
            time-outs in seconds.
        root: not used.
    """

    remote = True

    def __init__(self, url: str, root: Path | None = None) -> None:
        del root
        found = read_server_url(url, PORT, options=TEXTS, numbers=TIMEOUTS)
        self._shown = found.shown
        self._prefix = found.options["prefix"].encode()
        self._timeout = found.numbers["timeout"]
        self._client = open_client(found, timeout=self._timeout)
        self._scripts = {
            name: self._client.register_script(script) for name, script in SCRIPTS.items()
        }
        self._reader = RedisReader(found, timeout=self._timeout)
        self._groups = GroupCommits(self._commit)

    def write(self, area: str, rows: Iterable[Row], meta: bytes, *, replaces: bytes | None) -> None:
        """Write another generation, then make it the present one."""
        generation = secrets.token_hex(8).encode()
        with self._connected() as connection:
            check_replaced(area, self._text(connection, area), replaces)
            connection.sadd(self._leftover(area), generation)
        try:
            left = iter(rows)
            while some := list(islice(left, ROWS_AT_ONCE)):
                self._fill(generation, some)
            with self._connected() as connection:
                self._on_disk(connection)
                known = (b"0", b"") if replaces is None else (b"1", replaces)
                swapped = self._run("swap", connection, area, generation, *known, meta)
                self._on_disk(connection)
        except BaseException:
            # The server may have put it in place all the same: then it is not removed.
            self._clean(area, (generation,))
            raise
        if not swapped:
            self._remove(generation)
            raise changed(area)
        self._clean(area)

    def change(
        self, area: str, keys: Sequence[bytes], edit: Edit, *, meta: NewMeta | None = None
    ) -> None:
        """Read the keys, edit them here, and write those that nobody changed meanwhile; again."""
        self._groups.run(area, Change(keys, edit, meta))

    def read(self, items: Sequence[Item]) -> list[Buffer | None]:
        """Return the values of the items, those of each area from one generation of it."""
        if not items:
            return []
        try:
            return self._reader.read(items)
        except redis.RedisError:
            with self._explained():
                raise

    def keys(self, area: str) -> Iterator[bytes]:
        """Return the keys, found by a scan of the whole database."""
        with self._connected() as connection:
            generation = _bytes(connection.hget(self._about(area), "generation"))
            if generation is None:
                return iter(())
            start = len(self._hash(generation, b""))
            # A scan may return a key twice.
            return iter({name[start:] for name in self._scan(connection, generation)})

    def drop(self, area: str) -> None:
        """Forget the area's generation, then remove its keys."""
        with self._connected() as connection:
            self._run("drop", connection, area)
            self._on_disk(connection)
        self._clean(area)

    def close(self) -> None:
        """Close the connections."""
        self._reader.close()
        self._client.close()

    def _commit(self, area: str, changes: Sequence[Change]) -> None:
        """Change keys, then the text; again if the area was replaced between the two."""
        edits, meta = edits_of(changes), meta_of(changes)
        with self._connected() as connection:
            for attempt in range(ATTEMPTS):
                generation, there = b"", 0
                for some in portions(edits, KEYS_AT_ONCE):
                    generation, there = self._change(connection, area, some)
                self._on_disk(connection)
                if meta is None and there:
                    return
                if self._change_meta(connection, area, generation, meta or kept):
                    self._on_disk(connection)
                    return
                pause(attempt)
        raise self._crowded(area)

    def _change(
        self, connection: redis.Redis, area: str, left: Mapping[bytes, Edit]
    ) -> tuple[bytes, int]:
        """Change some keys; return the generation, and whether the area has a text."""
        for attempt in range(ATTEMPTS):
            fresh = secrets.token_hex(8).encode()
            generation, there, *found = self._run("begin", connection, area, fresh, *left)
            edited: dict[bytes, list[bytes]] = {}
            for (key, edit), (version, root) in zip(left.items(), found, strict=True):
                looked = _Look(connection, self._hash(generation, key), version, root)
                with suppress(Overtaken):
                    edited[key] = [key, version or b"", *_words(edit(key, looked.get))]
            words = [word for each in edited.values() for word in each]
            done = self._run("apply", connection, area, generation, *words)
            changed_now = {key for key, fits in zip(edited, done, strict=True) if fits}
            left = {key: edit for key, edit in left.items() if key not in changed_now}
            if not left:
                return generation, there
            pause(attempt)
        raise self._crowded(area)

    def _change_meta(
        self, connection: redis.Redis, area: str, generation: bytes, meta: NewMeta
    ) -> bool:
        """Replace the text; False if the generation was replaced meanwhile."""
        for attempt in range(ATTEMPTS):
            before = self._text(connection, area)
            known = (b"0", b"") if before is None else (b"1", before)
            done = self._run("meta", connection, area, generation, *known, meta(before))
            if done != OTHER_TEXT:
                return bool(done)
            pause(attempt)
        raise self._crowded(area)

    def _fill(self, generation: bytes, rows: Sequence[Row]) -> None:
        """Write rows of a generation that nobody reads yet."""
        with self._connected() as connection, connection.pipeline(transaction=False) as pipeline:
            for key, part, value in rows:
                words = [part, value, VERSION, b"0"]
                pipeline.hset(self._hash(generation, key), items=words)
            pipeline.execute()

    def _clean(self, area: str, generations: Iterable[bytes] = ()) -> None:
        """Remove generations that were replaced, or never finished; all of them by default.

        What cannot be removed now is removed by a later write or drop.
        """
        with suppress(Unavailable, Denied), self._connected() as connection:
            names = [self._leftover(area), self._condemned(area)]
            for generation in generations or cast("set[bytes]", connection.sunion(names)):
                if self._run("condemn", connection, area, generation):
                    self._remove(generation)
                    connection.srem(self._condemned(area), generation)

    def _remove(self, generation: bytes) -> None:
        """Remove the keys of a generation."""
        with self._connected() as connection:
            names = self._scan(connection, generation)
            while some := list(islice(names, ROWS_AT_ONCE)):
                connection.unlink(*some)

    def _scan(self, connection: redis.Redis, generation: bytes) -> Iterator[bytes]:
        """Find the hashes of a generation."""
        pattern = GLOB.sub(rb"\\\1", self._hash(generation, b"")) + b"*"
        return cast("Iterator[bytes]", connection.scan_iter(match=pattern, count=ROWS_AT_ONCE))

    def _text(self, connection: redis.Redis, area: str) -> bytes | None:
        return _bytes(connection.hget(self._about(area), "meta"))

    def _about(self, area: str) -> bytes:
        return about_name(self._prefix, area)

    def _leftover(self, area: str) -> bytes:
        return self._prefix + b"leftover:" + area.encode()

    def _condemned(self, area: str) -> bytes:
        return self._prefix + b"condemned:" + area.encode()

    def _hash(self, generation: bytes, key: bytes) -> bytes:
        return keys_start(self._prefix, generation) + key

    def _run(self, name: str, connection: redis.Redis, area: str, *words: bytes) -> Any:  # noqa: ANN401 - it depends on the script
        """Run a script on an area."""
        return self._scripts[name](args=[self._prefix, area, *words], client=connection)

    def _on_disk(self, connection: redis.Redis) -> None:
        """Wait until the server has on its disk what this connection wrote, if it keeps a file."""
        until = time.monotonic() + DISK_SECONDS
        milliseconds = max(1, int(self._timeout * 500))
        try:
            while not connection.waitaof(1, 0, milliseconds)[0]:
                if time.monotonic() > until:
                    message = f"{self._shown} does not bring what it is told to its disk."
                    raise Unavailable(message, hint="Look at its disk and its log.")
        except redis.ResponseError as error:
            if not NO_FILE.search(str(error)):
                raise

    @contextmanager
    def _connected(self) -> Iterator[redis.Redis]:
        """Use one connection for several commands."""
        with self._explained(), self._client.client() as connection:  # type: ignore[no-untyped-call]  # has no types
            yield connection

    def _explained(self) -> AbstractContextManager[None]:
        """Say what an error of the client or the server means for the caller."""
        hint = "Check its user, password and role in the setting online."
        return explained(f"The online store {self._shown}", hint)

    def _crowded(self, area: str) -> Contended:
        message = f"The online area {area!r} of {self._shown} has too many writers at once."
        return Contended(message, hint="Retry, or let fewer processes write the same keys.")


class _Look:
    """Reads parts of one key as of one version."""

    def __init__(
        self, connection: redis.Redis, name: bytes, version: bytes | None, root: bytes | None
    ) -> None:
        self._connection, self._name = connection, name
        self._version, self._root = version, root

    def get(self, part: bytes) -> bytes | None:
        """Return a part, if the key is still what it was."""
        if part == b"" or self._version is None:
            return self._root
        version, found = self._connection.hmget(self._name, VERSION, part)
        if version != self._version:
            raise Overtaken
        return _bytes(found)


def _bytes(found: bytes | str | None) -> bytes | None:
    """Tell the types what the library returns to a client that asks for bytes."""
    return cast("bytes | None", found)


def _words(parts: Parts) -> Iterator[bytes]:
    """Write an edit as the words of a script: how many, and each part."""
    yield b"%d" % len(parts)
    for part, value in parts.items():
        yield from (part, b"-", b"") if value is None else (part, b"+", bytes(value))
